// An application that uses Strapi's own client, with each of its tokens in turn. It
// prints what it got: the title of an article, or the class of the error, its status
// and the message in the body.
import { strapi as connect } from '@strapi/client';

const baseURL = process.env.STRAPI_URL;
const secrets = JSON.parse(process.env.STRAPI_SECRETS);

async function shown(call) {
  try {
    const got = await call();
    return got?.data?.title ?? got?.data?.[0]?.title ?? 'done';
  } catch (error) {
    const body = await error.response?.clone().json();
    return `${error.name} ${error.response?.status} ${body?.error?.name}: ${body?.error?.message}`;
  }
}

const show = {};
for (const [name, auth] of Object.entries(secrets)) {
  const strapi = connect(auth ? { baseURL, auth } : { baseURL });
  const articles = strapi.collection('articles');
  const homepage = strapi.single('homepage');
  const calls = {
    find: () => articles.find({ sort: 'title:asc', filters: { title: { $eq: 'First' } } }),
    findOne: () => articles.findOne('a1', { populate: '*' }),
    create: () => articles.create({ title: 'New' }),
    update: () => articles.update('a1', { title: 'Newer' }),
    delete: () => articles.delete('a1'),
    'single find': () => homepage.find(),
    'single update': () => homepage.update({ title: 'Home' }),
    'single delete': () => homepage.delete(),
    'own route': async () => (await strapi.fetch('/statistics', { method: 'GET' })).json(),
  };
  show[name] = {};
  for (const [what, call] of Object.entries(calls)) {
    show[name][what] = await shown(call);
  }
}
console.log(JSON.stringify(show));
