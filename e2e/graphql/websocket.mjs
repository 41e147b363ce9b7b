// graphql-ws, by which browsers subscribe over a WebSocket.
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { bearer, done, see, url } from './clients.mjs'

// subscribe returns what comes through the socket of a token, or how its handshake failed.
async function subscribe(name) {
  let status
  class Socket extends WebSocket {
    constructor(address, protocols) {
      super(address, protocols, { headers: bearer(name) })
      this.once('unexpected-response', (_, response) => {
        status = response.statusCode
        this.close()
      })
    }
  }
  const client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: Socket, retryAttempts: 0 })
  const got = []
  try {
    for await (const { data } of client.iterate({ query: 'subscription { articleAdded { id } }' })) got.push(data.articleAdded.id)
  } catch (error) {
    return { got, status, error: error.message ?? error.type }
  } finally {
    await client.dispose()
  }
  return { got, status }
}

for (const name of ['full', 'subscriber', 'reader', 'follower', 'gone']) await see(name, () => subscribe(name))
done()
