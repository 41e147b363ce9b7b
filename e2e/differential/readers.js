// Express with the parsers that it is used with, and method-override: each answers
// with the method that a request is taken for, or the value of app.
//
//     node readers.js HOST:PORT...     in the order of `apps`
'use strict'
process.env.NODE_ENV = 'test' // nothing is said of forms that can't be read
const http = require('http')
const express4 = require('express')
const express5 = require('express-5')
const methodOverride = require('method-override')

const app = (express, extended) => {
  const app = express()
  app.use(express.urlencoded({ extended }))
  app.use(methodOverride((req) => req.body && typeof req.body === 'object' ? req.body._method : undefined))
  app.use(express.json())
  app.use('/public/value', (req, res) => res.send('read:' + (req.method === 'GET' ? req.query.app : req.body?.app) + ':'))
  app.use((req, res) => res.send('read:' + req.method + ':'))
  return app
}

const apps = [app(express4, true), app(express5, false)]
apps.forEach((app, i) => {
  const [host, port] = process.argv[2 + i].split(':')
  // Never closes idle connections, which a request on its way could run into.
  http.createServer({ keepAliveTimeout: 0 }, app).listen(Number(port), host)
})
