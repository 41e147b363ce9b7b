// Apps on Node.js, each of which finds its files in a way that is common there.
//
//     node apps.js SITE HOST:PORT...     in the order of `apps` at the end
'use strict'
process.env.NODE_ENV = 'test' // Express says nothing of paths that it can't decode
const fs = require('fs')
const http = require('http')
const path = require('path')
const express4 = require('express')
const express5 = require('express-5')

const [site, ...addresses] = process.argv.slice(2)
const text = (name) => fs.readFileSync(path.join(site, name), 'utf8')
const hello = text('public/hello')
const report = text('secret/report')

// By routes, whose letters may be of any case. What is done with another method
// than GET is as secret as the report, so a method taken from a header is found out.
const routes = (express, rest) => {
  const app = express()
  app.use((req, res, next) => {
    if (req.get('X-HTTP-Method-Override')) req.method = req.get('X-HTTP-Method-Override')
    next()
  })
  app.delete('/public/' + rest, (req, res) => res.send(report))
  app.get('/public/:name', (req, res) => res.send(hello))
  app.use('/secret', (req, res) => res.send(report))
  return app
}

// By parameters of a route, which are decoded, and express.static for the rest.
const files = () => {
  const app = express4()
  app.get('/public/*', (req, res, next) => res.sendFile(path.join(site, 'public', req.params[0]), (err) => err && next()))
  app.use(express4.static(site))
  return app
}

// By the path of the request, decoded and made normal as on Windows.
const windows = () => {
  const app = express5()
  app.use((req, res) => {
    const name = path.win32.normalize(decodeURIComponent(req.path)).replaceAll('\\', '/')
    fs.readFile(path.join(site, name), (err, data) => err ? res.sendStatus(404) : res.send(data))
  })
  return app
}

// By the URL class, as browsers read addresses: dots in any spelling, backslashes,
// tabs, hosts.
const url = () => (req, res) => {
  let name = '/none'
  try {
    name = decodeURIComponent(new URL(req.url, 'http://localhost').pathname)
  } catch {} // no URL
  fs.readFile(site + name.replaceAll('\0', ''), (err, data) => {
    res.statusCode = err ? 404 : 200
    res.end(err ? 'none' : data)
  })
}

const apps = [routes(express4, '*'), routes(express5, '*rest'), files(), windows(), url()]
apps.forEach((app, i) => {
  const [host, port] = addresses[i].split(':')
  // Never closes idle connections, which a request on its way could run into.
  http.createServer({ keepAliveTimeout: 0 }, app).listen(Number(port), host)
})
