package ui

// apiRoutes are the APIs and their catalogs.
var apiRoutes = []route{}
