// A provider of OpenID Connect that lets everybody sign in as whom they say: the name
// is what stands before @, so that two people can have the same one.
import { Provider } from 'oidc-provider'

const { ISSUER, SECRET, CALLBACK, BEHIND } = process.env
const clock = Date.now
Date.now = () => clock() - 1000 * Number(BEHIND ?? 0)

const provider = new Provider(ISSUER, {
  clients: [{ client_id: 'tokenreeve', client_secret: SECRET, redirect_uris: [CALLBACK], grant_types: ['authorization_code'], response_types: ['code'] }],
  claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email', 'email_verified'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id.split('@')[0], email: id, email_verified: !id.startsWith('eve@') }),
  }),
  ttl: { IdToken: 3600, AuthorizationCode: 60, AccessToken: 3600, Interaction: 86400, Session: 86400, Grant: 86400 },
})
provider.listen(new URL(ISSUER).port, '127.0.0.1')
