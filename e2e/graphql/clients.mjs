// What the scripts of the clients share: where the gateway is, the headers of
// tokens, and a report of what an application would see.
export const url = process.env.GRAPHQL_URL
export const opened = process.env.GRAPHQL_OPENED // the gate that takes uploads
const secrets = JSON.parse(process.env.GRAPHQL_SECRETS)
export const bearer = (name) => ({ Authorization: `Bearer ${secrets[name]}` })

const report = {}

// see runs what an application would do and keeps what it gets.
export async function see(what, run) {
  try {
    report[what] = await run()
  } catch (error) {
    report[what] = show(error)
  }
}

// show is an error as an application would look at it.
export const show = (error) => ({
  class: error.constructor.name,
  status: error.statusCode ?? error.response?.status,
  errors: errorsOf(error).map(({ extensions = {} }) => Object.values(extensions).join(' ')),
})

// errorsOf are the GraphQL errors in an error, wherever the client has put them.
// Of batches graphql-request has the answers as members 0, 1 and so on of the
// response, and Apollo Client as result, if they are fewer than the requests.
function errorsOf({ errors, graphQLErrors, response, result }) {
  const answers = Object.values(result ?? response ?? {})
  return errors ?? graphQLErrors ?? response?.errors ?? answers.flatMap((one) => one?.errors ?? [])
}

// done ends the script, whatever timers and connections the client still has.
export const done = () => process.stdout.write(JSON.stringify(report), () => process.exit())

// watched is fetch, and notes for each request whether it had documents, hashes
// or both, and what came back.
export function watched(notes) {
  return async (input, init) => {
    const response = await fetch(input, init)
    const all = init.method === 'GET' ? [Object.fromEntries(new URL(input).searchParams)] : [JSON.parse(init.body)].flat()
    const sent = all.map((one) => [one.query && 'document', one.extensions?.includes?.('sha256Hash') || one.extensions?.persistedQuery ? 'hash' : ''].filter(Boolean).join('+'))
    notes.push(`${init.method} ${sent.join(',')}: ${response.status}`)
    return response
  }
}
