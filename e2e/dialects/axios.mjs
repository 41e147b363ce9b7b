// Applications of services that take `Authorization: apiToken`: one that sends that,
// and one that has its token in the query.
import axios from 'axios';

const baseURL = process.env.SERVICE_URL;
const secrets = JSON.parse(process.env.SERVICE_SECRETS);

async function shown(call) {
  try {
    return (await call()).data.title ?? 'done';
  } catch (error) {
    return `${error.name} ${error.response?.status} ${error.response?.data.code}`;
  }
}

const show = {};
for (const [name, secret] of Object.entries(secrets)) {
  const ways = {
    header: axios.create({ baseURL, headers: { Authorization: `apiToken ${secret}` } }),
    query: axios.create({ baseURL, params: { apiToken: secret } }),
  };
  for (const [way, client] of Object.entries(ways)) {
    show[`${name}, ${way}`] = {
      find: await shown(() => client.get('/articles/a1')),
      create: await shown(() => client.post('/articles', { title: 'New' })),
      delete: await shown(() => client.delete('/articles/a1')),
    };
  }
}
console.log(JSON.stringify(show));
