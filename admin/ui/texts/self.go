package texts

var self = map[string]string{}
