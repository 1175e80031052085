// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"strings"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// The rooms of the application in the recipe import-rooms, by their placeholders.
var imported = []struct{ placeholder, topic string }{
	{"19:first@thread.v2", "Order 4711"},
	{"19:second@thread.v2", "Delayed order"},
	{"19:third@thread.v2", "Order 4713: Ada's bicycle"},
}

func init() {
	recipes["import-rooms"] = recipe{
		prepare: func(r *run) {
			application := r.service.CreateUser()
			list := r.read("rooms.csv")
			for _, room := range imported {
				if strings.Count(list, room.placeholder) != 1 {
					r.t.Fatalf("rooms.csv must have %s once", room.placeholder)
				}
				id := r.service.CreateThread(application, room.topic, emulator.Member{ID: user("b"), DisplayName: "Grace Hopper"})
				list = strings.Replace(list, room.placeholder, id, 1)
			}
			// As a spreadsheet writes it: with other ends of lines, and none at the end.
			r.write("rooms.csv", strings.ReplaceAll(strings.TrimSpace(list), "\n", "\r\n"))
		},
		actions: map[string]func(*run){
			"application-adds-the-service-user": func(r *run) { r.addServiceUser(0, 1) },
			"application-adds-the-missing-one": func(r *run) {
				for _, request := range r.service.Requests() {
					if request.ThreadID != "" && request.Operation.IsWrite() {
						r.t.Errorf("under Observe: %s %s", request.Method, request.Path)
					}
				}
				r.addServiceUser(2)
			},
		},
		check: func(r *run) {
			r.expectRooms(
				"Order 4711 by orders/order-4711: Grace Hopper",
				"Order 4712 by orders/order-4712: Grace Hopper",
				"Order 4713: Ada's bicycle by orders/order-4713: Grace Hopper",
			)
		},
	}
}

// addServiceUser adds the service user of the connection to some of the rooms, as the application
// does.
func (r *run) addServiceUser(rooms ...int) {
	r.t.Helper()
	id := r.kubectl("get", "chatconnection", "default", "-n", "orders", "-o", "jsonpath={.status.serviceUsers[0]}")
	threads := r.service.Threads()
	for _, room := range rooms {
		r.service.AddMember(threads[room].ID, emulator.Member{ID: id})
	}
}

// user returns the id of a made-up user that the recipes name.
func user(digit string) string {
	return "8:acs:" + emulator.DefaultResourceID + userPrefix + "00000000000" + digit
}
