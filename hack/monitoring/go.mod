// Alerts and dashboards are generated and tested here: see ../../Makefile. A module of its own keeps Prometheus out of
// the product's go.mod.
module github.com/acs-operator/acs-chat-operator/hack/monitoring

go 1.26.7

replace github.com/acs-operator/acs-chat-operator => ../..

require (
	github.com/acs-operator/acs-chat-operator v0.0.0-00010101000000-000000000000
	github.com/grafana/grafana-foundation-sdk/go v0.0.22
	github.com/prometheus/prometheus v0.316.0
)
