// graphql-request, as applications use it.
import { GraphQLClient } from 'graphql-request'
import { bearer, done, see, url } from './clients.mjs'

const as = (name, where = url) => new GraphQLClient(where, { headers: bearer(name) })
const articles = '{ articles { id } }'
const create = 'mutation New($title: String!) { createArticle(title: $title) { title } }'

await see('allowed', () => as('reader').request(articles))
await see('granted', () => as('creator').request(create, { title: 'New' }))
await see('forbidden', () => as('reader').request(create, { title: 'New' }))
await see('not granted', () => as('creator').request(articles))
await see('unknown token', () => as('gone').request(articles))
await see('ambiguous', () => as('reader', `${url}?query={articles{id}}`).request(articles))
await see('batch', () => as('reader').batchRequests([{ document: articles }, { document: '{ article(id: 1) { title } }' }]))
await see('forbidden batch', () => as('reader').batchRequests([{ document: articles }, { document: create, variables: { title: 'New' } }]))
await see('unknown token, batch', () => as('gone').batchRequests([{ document: articles }, { document: articles }]))
done()
