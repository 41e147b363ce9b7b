// Apollo Client with its links for batches and for persisted queries.
import { createHash } from 'node:crypto'
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client/core'
import { BatchHttpLink } from '@apollo/client/link/batch-http'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { bearer, done, see, show, url, watched } from './clients.mjs'

const articles = gql`query Articles { articles { id } }`
const article = gql`query Article { article(id: 1) { id title } }`
const create = gql`mutation Create { createArticle(title: "New") { id title } }`
const client = (link) => new ApolloClient({ link, cache: new InMemoryCache(), defaultOptions: { query: { fetchPolicy: 'no-cache' } } })
const as = (name, uri = url) => client(new HttpLink({ uri, headers: bearer(name) }))
const data = async (result) => (await result).data

await see('allowed', () => data(as('reader').query({ query: articles })))
await see('granted', () => data(as('creator').mutate({ mutation: create })))
await see('forbidden', () => data(as('reader').mutate({ mutation: create })))
await see('not granted', () => data(as('creator').query({ query: articles })))
await see('unknown token', () => data(as('gone').query({ query: articles })))
await see('ambiguous', () => data(as('reader', `${url}?query={articles{id}}`).query({ query: articles })))

// settled shows what each of several operations gets.
const settled = async (results) => (await Promise.allSettled(results)).map((r) => r.value?.data ?? show(r.reason))
// It sends a batch as soon as it has two, so how long it would wait decides nothing.
const batching = (options) => new BatchHttpLink({ uri: url, batchInterval: 30_000, batchMax: 2, ...options })
await see('batch', () => {
  const c = client(batching({ headers: bearer('reader') }))
  return settled([c.query({ query: articles }), c.query({ query: article })])
})
await see('forbidden batch', () => {
  const c = client(batching({ headers: bearer('reader') }))
  return settled([c.query({ query: articles }), c.mutate({ mutation: create })])
})

await see('unknown token, batch', () => {
  const c = client(batching({ headers: bearer('gone') }))
  return settled([c.query({ query: articles }), c.query({ query: article })])
})

// persisted asks, one after the other, for documents by their hashes.
const sha256 = (text) => createHash('sha256').update(text).digest('hex')
async function persisted(link, queries) {
  const sent = []
  const c = client(new PersistedQueryLink({ sha256 }).concat(link({ headers: bearer('reader'), fetch: watched(sent) })))
  const got = []
  for (const query of queries) got.push(await settled([query].flat().map((q) => c.query({ query: q }))))
  return { got: got.flat(), sent }
}
const named = (name) => gql(`query ${name} { articles { id } }`)
await see('persisted', () => persisted((o) => new HttpLink({ uri: url, ...o }), [named('A'), named('A')]))
await see('persisted by GET', () => persisted((o) => new HttpLink({ uri: url, useGETForQueries: true, ...o }), [named('B'), named('B')]))
await see('persisted in batches', () => persisted(batching, [[named('C'), named('D')], [named('C'), named('D')]]))
await see('persisted, forbidden', async () => {
  const sent = []
  const c = client(new PersistedQueryLink({ sha256 }).concat(new HttpLink({ uri: url, headers: bearer('reader'), fetch: watched(sent) })))
  const got = await settled([c.mutate({ mutation: gql`mutation E { createArticle(title: "New") { id } }` })])
  return { got, sent }
})
done()
