// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// mine selects the controllers of the operator.
const mine = `controller=~"chat(connection|thread|participant)"`

// Legends that name the series of many panels.
const (
	byOperation  = "{{operation}}"
	byController = "{{controller}}"
)

// rows are those of the dashboard. All replicas show the state of the objects, and only the leader
// calls ACS: so queries take the maximum of states, and the sum of work.
var rows = []row{
	{"Now", 4, numbers}, {"Objects", 8, objects}, {"Waits", 8, waits}, {"Calls to ACS", 8, calls}, {"Trouble with ACS", 8, trouble},
	{"Quotas", 8, quotas}, {"Changes at ACS", 8, changes}, {"Work", 8, work}, {"Queues", 8, queues}, {"Credentials", 8, credentials}, {"Process", 8, process},
}

var numbers = []panel{
	{
		title: "Version", description: "The version of each running operator.", unit: units.NoUnit, isNumber: true, names: true,
		queries: []query{{"count by (version) (acs_chat_operator_build_info{})", "{{version}}"}},
	},
	{
		title: "Replicas", description: "The running replicas of the operator.", unit: units.Short, isNumber: true,
		queries: []query{{"count(acs_chat_operator_build_info{})", ""}},
	},
	{
		title: "Leaders", description: "The replicas that work: one for each installation.", unit: units.Short, isNumber: true,
		queries: []query{{"sum(leader_election_master_status{})", ""}}, empty: "without leader election",
	},
	{
		title: "Not Ready", description: "All objects that are not Ready.", unit: units.Short, isNumber: true, red: 1,
		queries: []query{{`sum(max by (namespace, job, kind, state, reason) (acs_chat_operator_objects{,state!="ready"})) or vector(0)`, ""}},
	},
	{
		title: "Stalled", description: "The objects that wait for a person.", unit: units.Short, isNumber: true, red: 1,
		queries: []query{{`sum(max by (namespace, job, kind, reason) (acs_chat_operator_objects{,state="stalled"})) or vector(0)`, ""}},
	},
	{
		title: "Silent ACS resources", description: "The ACS resources that do not answer.", unit: units.Short, isNumber: true, red: 1,
		queries: []query{{`sum(max by (namespace, job) (acs_chat_operator_services{,state="unreachable"}))`, ""}},
	},
	{
		title: "Credentials read", description: "How long ago the credentials of a ChatConnection were last read, for the one with the oldest read. The operator reads them every 5 minutes.",
		unit: units.Seconds, isNumber: true, red: 900,
		queries: []query{{"time() - min(max by (namespace, job) (acs_chat_operator_credentials_oldest_read_timestamp_seconds{}))", ""}},
		empty:   "before any were read",
	},
}

var objects = []panel{
	{
		title: "By state", description: "The objects of each kind, by their state: ready, reconciling (the operator works on it, or waits) and stalled (a person must act).",
		unit:    units.Short,
		queries: []query{{"sum by (kind, state) (max by (namespace, job, kind, state, reason) (acs_chat_operator_objects{}))", "{{kind}} {{state}}"}},
	},
	{
		title: "Not Ready, by reason", description: "The objects that are not Ready, by the reason of the Ready condition.", unit: units.Short,
		queries: []query{{`sum by (kind, reason) (max by (namespace, job, kind, state, reason) (acs_chat_operator_objects{,state!="ready"}))`, "{{kind}} {{reason}}"}},
		empty:   "while all objects are Ready",
	},
	{
		title: "Refused members", description: "The members that ACS refuses at the moment, of all threads.", unit: units.Short,
		queries: []query{{"sum(max by (namespace, job) (acs_chat_operator_members_rejected{}))", "members"}},
	},
}

var waits = []panel{
	{
		title: "Longest time without Ready", description: "For how long the object has not been Ready that has not been so for the longest time.", unit: units.Seconds,
		queries: []query{{"max by (kind, state) (acs_chat_operator_oldest_unready_seconds{})", "{{kind}}, {{state}}"}},
	},
	{
		title: "Longest deletion", description: "Time since the oldest deletion that has not ended.", unit: units.Seconds,
		queries: []query{{"max by (kind) (acs_chat_operator_oldest_deletion_seconds{})", "{{kind}}"}},
	},
	{
		title: "Search for drift", description: "How late the latest resync of the last 10 minutes began, and how far apart the quota on reads keeps resyncs at least.", unit: units.Seconds,
		queries: []query{
			{"max(acs_chat_operator_resync_lag_seconds{})", "late by"},
			{"max(acs_chat_operator_resync_floor_seconds{})", "at least apart"},
		},
	},
}

var calls = []panel{
	{
		title: "Calls", description: "Calls to ACS, by operation.", unit: units.RequestsPerSecond,
		queries: []query{{"sum by (operation) (rate(acs_chat_operator_acs_requests_total{}[$__rate_interval]))", byOperation}},
	},
	{
		title: "Latency, typical", description: "The median of the durations of calls to ACS, by operation.", unit: units.Seconds,
		queries: []query{{"histogram_quantile(0.5, sum by (le, operation) (rate(acs_chat_operator_acs_request_duration_seconds_bucket{}[$__rate_interval])))", byOperation}},
	},
	{
		title: "Latency, slow calls", description: "The 99th percentile of the durations of calls to ACS, by operation.", unit: units.Seconds,
		queries: []query{{"histogram_quantile(0.99, sum by (le, operation) (rate(acs_chat_operator_acs_request_duration_seconds_bucket{}[$__rate_interval])))", byOperation}},
	},
}

var trouble = []panel{
	{
		title: "Failed calls", description: "Calls that ACS refused, by operation and status code. Code 0: no answer.", unit: units.RequestsPerSecond,
		queries: []query{{`sum by (operation, code) (rate(acs_chat_operator_acs_requests_total{,code!~"2.."}[$__rate_interval]))`, "{{operation}} {{code}}"}},
		empty:   "while nothing fails",
	},
	{
		title: "Throttled calls", description: "Calls that ACS answered with 429, by operation.", unit: units.RequestsPerSecond,
		queries: []query{{"sum by (operation) (rate(acs_chat_operator_acs_throttled_total{}[$__rate_interval]))", byOperation}},
	},
	{
		title: "ACS resources", description: "The ACS resources in use: those that answer, those that do not, and those that have not been called yet.", unit: units.Short,
		queries: []query{{"sum by (state) (max by (namespace, job, state) (acs_chat_operator_services{}))", "{{state}}"}},
	},
}

var quotas = []panel{
	{
		title: "Use of the quotas", description: "The highest share of each quota of ACS that a user or a thread has used within the last minute. At 100 % calls wait.", unit: units.PercentUnit,
		queries: []query{{"max by (quota) (acs_chat_operator_quota_used_ratio{})", "{{quota}}"}},
	},
	{
		title: "Waits for a quota", description: "Calls that had to wait for room in a quota, by operation.", unit: units.OpsPerSecond,
		queries: []query{{"sum by (operation) (rate(acs_chat_operator_quota_waits_total{}[$__rate_interval]))", byOperation}},
	},
}

var changes = []panel{
	{
		title: "By declaration", description: "Changes at ACS because a resource was created, edited or deleted.", unit: units.Short,
		queries: []query{{`sum by (change) (increase(acs_chat_operator_changes_total{,cause="spec"}[$__rate_interval]))`, "{{change}}"}},
	},
	{
		title: "By drift", description: "Changes at ACS because somebody else had changed a thread. If this goes on, somebody works against the declaration.", unit: units.Short,
		queries: []query{{`sum by (change) (increase(acs_chat_operator_changes_total{,cause="drift"}[$__rate_interval]))`, "{{change}}"}},
	},
	{
		title: "Threads created again", description: "Threads that had been deleted at ACS and were created again. Their messages are lost.", unit: units.Short,
		queries: []query{{"sum(increase(acs_chat_operator_recreations_total{}[$__rate_interval]))", "threads"}},
	},
}

var work = []panel{
	{
		title: "Reconciles", description: "Reconciles of each controller, by result.", unit: units.OpsPerSecond,
		queries: []query{{"sum by (controller, result) (rate(controller_runtime_reconcile_total{," + mine + "}[$__rate_interval]))", "{{controller}} {{result}}"}},
	},
	{
		title: "Duration of reconciles", description: "The 99th percentile of the durations of reconciles.", unit: units.Seconds,
		queries: []query{{"histogram_quantile(0.99, sum by (le, controller) (rate(controller_runtime_reconcile_time_seconds_bucket{," + mine + "}[$__rate_interval])))", byController}},
	},
	{
		title: "Errors and panics", description: "Reconciles that ended with an error, and panics, which are faults in the code.", unit: units.OpsPerSecond,
		queries: []query{
			{"sum by (controller) (rate(controller_runtime_reconcile_errors_total{," + mine + "}[$__rate_interval]))", "{{controller}} errors"},
			{"sum by (controller) (rate(controller_runtime_reconcile_panics_total{," + mine + "}[$__rate_interval]))", "{{controller}} panics"},
		},
	},
	{
		title: "Calls to the Kubernetes API", description: "Requests to the Kubernetes API server, by method and status code.", unit: units.RequestsPerSecond,
		queries: []query{{"sum by (method, code) (rate(rest_client_requests_total{}[$__rate_interval]))", "{{method}} {{code}}"}},
	},
}

var queues = []panel{
	{
		title: "Objects that wait for a worker", description: "The length of the queue of each controller.", unit: units.Short,
		queries: []query{{"sum by (controller) (workqueue_depth{," + mine + "})", byController}},
		empty:   "before the first object of a kind",
	},
	{
		title: "Wait for a worker", description: "The 99th percentile of the times that objects waited in the queue.", unit: units.Seconds,
		queries: []query{{"histogram_quantile(0.99, sum by (le, controller) (rate(workqueue_queue_duration_seconds_bucket{," + mine + "}[$__rate_interval])))", byController}},
	},
	{
		title: "Busy workers", description: "The share of the workers of each controller that work.", unit: units.PercentUnit,
		queries: []query{{"sum by (controller) (controller_runtime_active_workers{," + mine + "}) / sum by (controller) (controller_runtime_max_concurrent_reconciles{," + mine + "})", byController}},
	},
	{
		title: "Longest running reconcile", description: "For how long the longest of the running reconciles has run.", unit: units.Seconds,
		queries: []query{{"max by (controller) (workqueue_longest_running_processor_seconds{," + mine + "})", byController}},
	},
}

var credentials = []panel{
	{
		title: "Age of the credentials", description: "How long ago the credentials of a ChatConnection were last read, for the one with the oldest read.", unit: units.Seconds,
		queries: []query{{"time() - min by (namespace, job) (max by (namespace, job) (acs_chat_operator_credentials_oldest_read_timestamp_seconds{}))", "{{namespace}}"}},
		empty:   "before any were read",
	},
	{
		title: "File of certificate authorities", description: "1 if the file of --acs-ca-file can be used, 0 if it cannot.", unit: units.Short,
		queries: []query{{"acs_chat_operator_ca_file_usable{}", "{{pod}} {{instance}}"}}, empty: "without --acs-ca-file",
	},
}

var process = []panel{
	{
		title: "Memory", description: "The memory of each replica, and the part of it that is in use by Go.", unit: units.BytesIEC,
		queries: []query{
			{"process_resident_memory_bytes{}", "{{pod}} {{instance}} resident"},
			{"go_memstats_heap_inuse_bytes{}", "{{pod}} {{instance}} heap"},
		},
	},
	{
		title: "CPU", description: "The processors that each replica uses.", unit: units.Short,
		queries: []query{{"rate(process_cpu_seconds_total{}[$__rate_interval])", "{{pod}} {{instance}}"}},
	},
	{
		title: "Goroutines", description: "The goroutines of each replica. A number that only grows is a leak.", unit: units.Short,
		queries: []query{{"go_goroutines{}", "{{pod}} {{instance}}"}},
	},
}
