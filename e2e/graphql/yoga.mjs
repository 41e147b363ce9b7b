// GraphQL Yoga with all that it takes: batches, uploads, forms, compressed
// bodies, documents by their hash, subscriptions as events and over WebSockets.
import { createServer } from 'node:http'
import { createInMemoryAPQStore, useAPQ } from '@graphql-yoga/plugin-apq'
import { useContentEncoding } from '@whatwg-node/server'
import { useServer } from 'graphql-ws/use/ws'
import { createSchema, createYoga } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import { listen, resolvers, typeDefs } from './schema.mjs'

const schema = createSchema({ typeDefs, resolvers })
const store = createInMemoryAPQStore({ ttl: 3_600_000 }) // by itself it forgets after seconds
const yoga = createYoga({ schema, logging: false, batching: true, plugins: [useAPQ({ store }), useContentEncoding()] })
const server = createServer(yoga)
useServer({ schema }, new WebSocketServer({ server, path: yoga.graphqlEndpoint }))
await listen(server)
