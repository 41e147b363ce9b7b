// urql, with its exchange for persisted queries, and uploads, which it has by itself.
import { Client, fetchExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'
import { bearer, done, opened, see, show, url, watched } from './clients.mjs'

const create = 'mutation Create { createArticle(title: "New") { title } }'
const as = (name, options) => new Client({ url, exchanges: [fetchExchange], preferGetMethod: false, requestPolicy: 'network-only', fetchOptions: { headers: bearer(name) }, ...options })

// result is the data, or else the error.
async function result(source) {
  const { data, error } = await source.toPromise()
  if (error) throw error
  return data
}

await see('allowed', () => result(as('reader').query('{ articles { id } }', {})))
await see('granted', () => result(as('creator').mutation(create, {})))
await see('forbidden', () => result(as('reader').mutation(create, {})))
await see('not granted', () => result(as('creator').query('{ articles { id } }', {})))
await see('unknown token', () => result(as('gone').query('{ articles { id } }', {})))
await see('ambiguous', () => result(as('reader', { url: `${url}?query={articles{id}}` }).query('{ articles { id } }', {})))

async function persisted(name, options) {
  const sent = []
  const c = as('reader', { fetch: watched(sent), exchanges: [persistedExchange(options), fetchExchange] })
  const got = []
  for (let i = 0; i < 2; i++) got.push(await result(c.query(`query ${name} { articles { id } }`, {})))
  return { got, sent }
}
await see('persisted', () => persisted('E', { preferGetForPersistedQueries: false }))
await see('persisted by GET', () => persisted('F', { preferGetForPersistedQueries: true }))
await see('persisted, forbidden', async () => {
  const sent = []
  const c = as('reader', { fetch: watched(sent), exchanges: [persistedExchange({ enableForMutation: true }), fetchExchange] })
  const { error } = await c.mutation('mutation G { createArticle(title: "New") { title } }', {}).toPromise()
  return { got: show(error), sent }
})

const file = new File(['content'], 'an "odd" näme; filename=.txt', { type: 'text/plain' })
const upload = (name, options) => result(as(name, options).mutation('mutation Attach($file: Upload!) { attach(file: $file) }', { file }))
await see('upload', () => upload('uploader', { url: opened }))
await see('upload, forbidden', () => upload('reader', { url: opened }))
await see('upload, not let in', () => upload('uploader'))
done()
