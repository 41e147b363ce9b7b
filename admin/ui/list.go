package ui

// listRoutes are the table of tokens and what is done to several.
var listRoutes = []route{}
