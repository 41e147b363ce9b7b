package admin

import (
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
)

// ManagementAPI is the name of the API whose tokens act for their owner's account here.
const ManagementAPI = "tokenreeve"

// ManagementPath is below what the REST API has its routes.
const ManagementPath = "/api/v1"

// managementRoutes are the operations of each right, below ManagementPath.
var managementRoutes = []struct {
	right      Right
	mark       permission.Mark
	operations []string
}{
	{right: APIRead, operations: []string{"GET /apis", "GET /apis/{api}"}},
	{right: TokenRead, operations: []string{
		"GET /tokens", "GET /tokens/{id}", "GET /tokens/{id}/secrets", "GET /tokens/{id}/usage", "GET /tokens/{id}/usage/permissions", "GET /tokens/{id}/events",
	}},
	{right: TokenExplain, mark: permission.Read, operations: []string{"POST /tokens/{id}/explain"}},
	{right: TokenCreate, operations: []string{"POST /tokens", "POST /tokens/import"}},
	{right: TokenUpdate, operations: []string{"PATCH /tokens/{id}", "POST /tokens/{id}/enable", "POST /tokens/{id}/disable"}},
	{right: TokenRegenerate, operations: []string{"POST /tokens/{id}/regenerate"}},
	{right: TokenDelete, operations: []string{"DELETE /tokens/{id}"}},
	{right: DraftRead, operations: []string{"GET /apis/{api}/drafts", "GET /tokens/{id}/draft"}},
	{right: DraftUpdate, operations: []string{"POST /apis/{api}/drafts/update"}},
	{right: DraftDiscard, operations: []string{"POST /apis/{api}/drafts/discard", "DELETE /tokens/{id}/draft"}},
	{right: AccountRead, operations: []string{"GET /account", "GET /accounts", "GET /accounts/{name}"}},
	{right: AccountManage, operations: []string{"POST /accounts", "PATCH /accounts/{name}", "DELETE /accounts/{name}"}},
	{right: RoleRead, operations: []string{"GET /roles", "GET /roles/{name}"}},
	{right: RoleManage, operations: []string{
		"POST /roles", "PUT /roles/{name}", "DELETE /roles/{name}", "POST /roles/{name}/overreach",
	}},
	{right: SessionRead, operations: []string{"GET /sessions"}},
	{right: SessionDelete, operations: []string{"DELETE /sessions", "DELETE /sessions/{id}"}},
	{right: AuditRead, operations: []string{"GET /events", "GET /events/export"}},
}

// ManagementPermissions is the catalog of ManagementAPI: what its tokens can be
// granted, by the routes of the REST API. It counts whatever a store says.
func ManagementPermissions() []permission.Permission {
	permissions := make([]permission.Permission, 0, len(managementRoutes))
	for _, route := range managementRoutes {
		p := permission.Permission{Name: string(route.right), Mark: route.mark}
		for _, text := range route.operations {
			method, path, _ := strings.Cut(text, " ")
			op, err := permission.ParseOperation(method + " " + ManagementPath + path)
			if err != nil {
				panic(err) // the list above is tested
			}
			p.Operations = append(p.Operations, op)
		}
		permissions = append(permissions, p)
	}
	return permissions
}
