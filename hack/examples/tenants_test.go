// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

func init() {
	recipes["two-tenants"] = recipe{check: func(r *run) {
		r.expectRooms(
			"Sales of Acme by tenant-acme/sales: Ada Lovelace",
			"Sales of Globex (deleted) by tenant-globex/sales: Grace Hopper",
			"Service of Acme by tenant-acme/service: ",
		)
	}}
}
