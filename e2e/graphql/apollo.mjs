// Apollo Server with all that it takes, and as open as it is where uploads are
// on: these need the protection against forged requests to be off.
import { createServer } from 'node:http'
import { ApolloServer } from '@apollo/server'
import { expressMiddleware } from '@as-integrations/express4'
import express from 'express'
import GraphQLUpload from 'graphql-upload/GraphQLUpload.mjs'
import graphqlUploadExpress from 'graphql-upload/graphqlUploadExpress.mjs'
import { useServer } from 'graphql-ws/use/ws'
import { createSchema } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import { listen, resolvers, typeDefs } from './schema.mjs'

const schema = createSchema({ typeDefs, resolvers: { ...resolvers, Upload: GraphQLUpload } })
const apollo = new ApolloServer({ schema, allowBatchedHttpRequests: true, csrfPrevention: false, introspection: true })
await apollo.start()

const app = express()
app.use('/graphql', graphqlUploadExpress(), express.json({ type: ['*/json', 'text/plain'] }), express.urlencoded({ extended: true }), expressMiddleware(apollo))
const server = createServer(app)
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }))
await listen(server)
