// A script as somebody writes it with a client that was generated from the
// OpenAPI document of a running gateway: schema.d.ts is what openapi-typescript
// makes of it. It prints what it saw as JSON.
import createClient from 'openapi-fetch'
import type { components, paths } from './schema.js'

declare const process: { env: Record<string, string> }
const { MANAGEMENT, TOKEN, BACKEND } = process.env

const api = createClient<paths>({ baseUrl: MANAGEMENT + '/api/v1', headers: { Authorization: `Bearer ${TOKEN}` } })

// got returns the data of an answer that must be good, and others' code.
function got<T>(answer: { data?: T; error?: components['schemas']['Problem']; response: Response }): T {
  if (answer.data === undefined) throw new Error(`${answer.response.status} ${answer.error?.code}: ${answer.error?.detail}`)
  return answer.data
}
const refused = ({ error, response }: { error?: components['schemas']['Problem']; response: Response }) =>
  `${response.status} ${error?.code}`

const report: Record<string, unknown> = {}

const me = got(await api.GET('/account'))
report['account'] = `${me.account.name}, ${me.role.name}, ${me.rights['token.create']}`

const body = { api: 'articles', name: 'shop', type: 'custom', grants: ['article.find'], duration: '30d' } as const
const asked: components['schemas']['NewToken'] = { ...body, grants: [...body.grants] }
const once = { header: { 'Idempotency-Key': 'build-1417' } }
const created = await api.POST('/tokens', { params: once, body: asked })
const { token, secret } = got(created)
const again = await api.POST('/tokens', { params: once, body: asked })
report['created'] = [created.response.status, again.response.status, got(again).token.id === token.id, got(again).secret]
report['created another'] = refused(await api.POST('/tokens', { params: once, body: { ...asked, name: 'other' } }))
const invalid = await api.POST('/tokens', { body: { ...asked, name: ' ', duration: 'soon' } })
report['invalid'] = [refused(invalid), invalid.error?.errors?.map(({ field }) => field).sort()]
// @ts-expect-error: the compiler knows the types of tokens
void ({ ...asked, type: 'mighty' } satisfies components['schemas']['NewToken'])
// @ts-expect-error: and what a change needs
void (() => api.PATCH('/tokens/{id}', { params: { path: { id: token.id } }, body: {} }))

got(await api.POST('/tokens', { body: { ...asked, name: 'second', type: 'read-only', grants: [] } }))
const names: string[] = []
for (let cursor: string | null | undefined; cursor !== null; ) {
  const page: components['schemas']['TokenPage'] = got(
    await api.GET('/tokens', { params: { query: { api: 'articles', sort: 'name', order: 'desc', limit: 1, cursor } } }),
  )
  names.push(...page.items.map(({ name }) => name))
  cursor = page.next
}
report['listed'] = names
report['found'] = got(await api.GET('/tokens', { params: { query: { search: 'SEC', status: 'active' } } })).items.map(({ name }) => name)

const path = { id: token.id }
const read = await api.GET('/tokens/{id}', { params: { path } })
const version = { 'If-Match': read.response.headers.get('ETag')! }
const edit = { params: { path, header: version }, body: { description: 'the shop' } }
report['updated'] = got(await api.PATCH('/tokens/{id}', edit)).description
report['updated by two'] = refused(await api.PATCH('/tokens/{id}', edit))

const use = async (with_: string) => (await fetch(BACKEND + '/api/articles', { headers: { 'X-API-Key': with_ } })).status
const renewed = got(await api.POST('/tokens/{id}/regenerate', { params: { path }, body: { overlap: '1h' } }))
report['both work'] = [await use(secret!), await use(renewed.secret!)]
report['secrets'] = got(await api.GET('/tokens/{id}/secrets', { params: { path } })).items.map(({ expiry }) => expiry !== null)
const explained = got(await api.POST('/tokens/{id}/explain', { params: { path }, body: { method: 'DELETE', path: '/api/articles/1' } }))
report['explained'] = [explained.allowed, explained.reason, ...explained.permissions]
got(await api.POST('/tokens/{id}/disable', { params: { path } }))
report['disabled'] = await use(renewed.secret!)
report['enabled'] = got(await api.POST('/tokens/{id}/enable', { params: { path } })).status

const deleted = await api.DELETE('/tokens/{id}', { params: { path } })
report['deleted'] = [deleted.response.status, await use(renewed.secret!)]
report['gone'] = refused(await api.GET('/tokens/{id}', { params: { path } }))
report['audit'] = refused(await api.GET('/events'))

console.log(JSON.stringify(report))
