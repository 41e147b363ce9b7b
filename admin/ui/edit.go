package ui

// editRoutes are the forms of new and present tokens.
var editRoutes = []route{}
