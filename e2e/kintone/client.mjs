// kintone's own client for its REST API, as applications use it: nothing in here
// knows of the gateway. What it sees goes to standard output.
import { KintoneRestAPIClient, KintoneRestAPIError } from '@kintone/rest-api-client'

const secrets = JSON.parse(process.env.KINTONE_SECRETS)
const as = (...names) => new KintoneRestAPIClient({
  baseUrl: process.env.KINTONE_URL,
  auth: names[0] === 'none' ? { apiToken: '' } : { apiToken: names.length > 1 ? names.map((name) => secrets[name]) : secrets[names[0]] },
})

const seen = {}
async function see (what, call) {
  try {
    seen[what] = await call()
  } catch (e) {
    seen[what] = { class: e.constructor.name, known: e instanceof KintoneRestAPIError, status: e.status, code: e.code, bulk: e.bulkRequestIndex }
    if (!(e instanceof KintoneRestAPIError)) seen[what].message = e.message
  }
}

const title = (value) => ({ title: { value } })
const add = (app, value) => ({ type: 'addRecord', app, record: title(value) })
const all = { fields: ['title'], query: 'order by $id asc' }

await see('add', () => as('seven').record.addRecord({ app: 7, record: title('one') }))
await see('get', async () => (await as('viewer').record.getRecord({ app: 7, id: 1 })).record.title.value)
await see('update', () => as('seven').record.updateRecord({ app: '7', id: 1, record: title('two') }))
await see('list', async () => (await as('viewer').record.getRecords({ app: 7, ...all })).records.length)
await see('list, long', async () => (await as('viewer').record.getRecords({ app: 7, fields: ['title'], query: `title in (${Array(500).fill('"0123456789"').join(',')})` })).records.length)
await see('array', async () => [
  (await as('seven', 'eight').record.addRecord({ app: 8, record: title('of eight') })).id,
  (await as('seven', 'eight').record.getRecord({ app: 7, id: 1 })).record.title.value,
])
await see('bulk', async () => (await as('seven', 'eight').bulkRequest({
  requests: [
    { method: 'POST', api: '/k/v1/record.json', payload: { app: 7, record: title('three') } },
    { method: 'PUT', api: '/k/v1/record.json', payload: { app: 8, id: 1, record: title('changed') } },
  ],
})).results.length)
await see('all records', async () => (await as('cursors').record.getAllRecordsWithCursor({ app: 7, fields: ['title'] })).length)
await see('comments', async () => (await as('viewer').record.getRecordComments({ app: 7, record: 1 })).comments.length)
await see('all in order', async () => (await as('views').record.getAllRecords({ app: 7, fields: ['title'], orderBy: '$id asc' })).length)
await see('comment', async () => (await as('views').record.addRecordComment({ app: 7, record: 1, comment: { text: 'seen' } })).id)
await see('many', async () => (await as('eight').record.addAllRecords({ app: 8, records: Array(2000).fill(title('x'.repeat(2500))) })).records.length)
await see('fields', async () => Object.keys((await as('viewer').app.getFormFields({ app: 7 })).properties))
await see('layout', async () => (await as('viewer').app.getFormLayout({ app: 7 })).layout.length)
for (const name of ['views', 'adder']) {
  await see('app, ' + name, async () => (await as(name).app.getApp({ id: 7 })).name)
  await see('views, ' + name, async () => Object.keys((await as(name).app.getViews({ app: 7, lang: 'en' })).views))
  await see('settings, ' + name, async () => (await as(name).app.getAppSettings({ app: 7 })).name)
  await see('process, ' + name, async () => (await as(name).app.getProcessManagement({ app: 7 })).enable)
}
await see('delete', () => as('seven').record.deleteRecords({ app: 7, ids: [1] }))

await see('no token', () => as('none').record.getRecord({ app: 7, id: 2 }))
await see('unknown token', () => as('gone').record.getRecord({ app: 7, id: 2 }))
await see('disabled token', () => as('disabled').record.getRecord({ app: 7, id: 2 }))
await see('one of two unknown', () => as('seven', 'gone').record.getRecord({ app: 7, id: 2 }))
await see('another app', () => as('seven').record.getRecord({ app: 8, id: 1 }))
await see('another app, long', () => as('viewer').record.getRecords({ app: 8, query: 'x'.repeat(5000) }))
await see('view only', () => as('viewer').record.addRecord({ app: 7, record: title('no') }))
await see('edit without view', () => as('editor').record.updateRecord({ app: 7, id: 2, record: title('no') }))
await see('delete of another app', () => as('seven').record.deleteRecords({ app: 8, ids: [1] }))
await see('two of one app', () => as('seven', 'viewer').record.getRecord({ app: 7, id: 2 }))
await see('bulk with another app', () => as('seven').bulkRequest({
  requests: [
    { method: 'POST', api: '/k/v1/record.json', payload: { app: 7, record: title('no') } },
    { method: 'POST', api: '/k/v1/record.json', payload: { app: 8, record: title('no') } },
  ],
}))
await see('bulk, several', () => as('viewer').bulkRequest({
  requests: [
    { method: 'DELETE', api: '/k/v1/records.json', payload: { app: 7, ids: [1] } },
    { method: 'POST', api: '/k/v1/record.json', payload: { app: 8, record: title('no') } },
  ],
}))
await see('bulk of an unknown token', () => as('gone').bulkRequest({
  requests: [{ method: 'POST', api: '/k/v1/record.json', payload: { app: 7, record: title('no') } }],
}))
await see('preview', () => as('views').app.getViews({ app: 7, preview: true }))
await see('rights of another app', () => as('manager').app.updateRecordAcl({ app: 7, id: 8, rights: [] }))
await see('of the backend', () => as('seven').record.getRecord({ app: 7, id: 99 }))
console.log(JSON.stringify(seen))
