// Package token holds the token record and its secret: types, durations,
// status, field rules, and how a secret is minted, recognised and hashed.
// It knows neither stores nor transports.
package token
