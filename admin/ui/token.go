package ui

// tokenRoutes are the page of a token and what is done to it.
var tokenRoutes = []route{}
