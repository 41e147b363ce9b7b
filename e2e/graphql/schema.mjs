// The schema that both servers have, and the journal of what they ran. Nothing
// is changed by running it, so that every request finds the same articles.
import { createServer } from 'node:http'

const articles = [{ id: '1', title: 'First' }, { id: '2', title: 'Second' }]

export const typeDefs = /* GraphQL */ `
  scalar Upload
  type Article { id: ID! title: String! }
  type Query {
    articles: [Article!]!
    article(id: ID!): Article
    search(text: String!, first: Int = 10): [Article!]!
  }
  type Mutation {
    createArticle(title: String!): Article!
    updateArticle(id: ID!, title: String!): Article
    deleteArticle(id: ID!): Article
    attach(file: Upload!): Int!
  }
  type Subscription { articleAdded: Article! }
`

let journal = []

// ran makes a resolver that notes that its root field was run.
const ran = (field, resolve) => (...args) => {
  journal.push(field)
  return resolve(...args)
}

const find = (id) => articles.find((a) => a.id === id)

// size reads an upload: of Yoga a File, of graphql-upload a promise of a stream.
async function size(upload) {
  const file = await upload
  if (!file.createReadStream) return (await file.arrayBuffer()).byteLength
  let bytes = 0
  for await (const chunk of file.createReadStream()) bytes += chunk.length
  return bytes
}

export const resolvers = {
  Query: {
    articles: ran('query articles', () => articles),
    article: ran('query article', (_, { id }) => find(id)),
    search: ran('query search', (_, { text, first }) => articles.filter((a) => a.title.includes(text)).slice(0, first)),
  },
  Mutation: {
    createArticle: ran('mutation createArticle', (_, { title }) => ({ id: '3', title })),
    updateArticle: ran('mutation updateArticle', (_, { id, title }) => ({ id, title })),
    deleteArticle: ran('mutation deleteArticle', (_, { id }) => find(id)),
    attach: ran('mutation attach', (_, { file }) => size(file)),
  },
  Subscription: {
    articleAdded: {
      subscribe: ran('subscription articleAdded', async function* () {
        for (const articleAdded of articles) yield { articleAdded }
      }),
    },
  },
}

// listen starts the server and, on a port that the gateway does not know, the
// journal: each look at it empties it. It prints where the two are.
export async function listen(server) {
  const looks = createServer((_, res) => {
    res.end(JSON.stringify(journal))
    journal = []
  })
  const ports = []
  for (const s of [server, looks]) {
    s.keepAliveTimeout = 0 // the gateway's connections end when the gateway does
    await new Promise((resolve) => s.listen(0, '127.0.0.1', resolve))
    ports.push(s.address().port)
  }
  console.log(`ready on ${ports.join(' and ')}.`)
}
