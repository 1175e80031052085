// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// width is that of Grafana's grid.
const width = 24

// panel is a panel of the dashboard.
type panel struct {
	title       string
	description string
	unit        string
	// isNumber is set if the panel shows the latest value only.
	isNumber bool
	// red is the value from which on a number is red; 0 if none is.
	red float64
	// names is set if a number shows the names of its series instead of their values.
	names   bool
	queries []query
	// empty says when the panel has no data although all is well; empty if it always has.
	empty string
}

// query is a query of a panel.
type query struct{ expr, legend string }

// row is a row of panels.
type row struct {
	title  string
	height uint32
	panels []panel
}

// chosen selects what the variables of the dashboard name. In a query, {} stands for it, and
// {,…} for it with more.
const chosen = `namespace=~"$namespace",job=~"$job"`

// expand fills in the variables of a query.
func expand(expr string) string {
	return strings.NewReplacer("{}", "{"+chosen+"}", "{,", "{"+chosen+",").Replace(expr)
}

var datasource = common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}

// dashboardJSON returns the dashboard as Grafana imports it.
func dashboardJSON() (string, error) {
	b := dashboard.NewDashboardBuilder("ACS chat operator"). //nolint:staticcheck // its successor needs Grafana 12
									Uid("acs-chat-operator").
									Description("State and work of acs-chat-operator, which keeps chat threads of Azure Communication Services.").
									Tags([]string{"acs-chat-operator", "kubernetes"}).
									Editable().
									Refresh("1m").
									Time("now-6h", "now").
									Timezone("browser").
									Tooltip(dashboard.DashboardCursorSyncCrosshair).
									WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus")).
									WithVariable(variable("namespace", "Namespace", "label_values(acs_chat_operator_build_info, namespace)")).
									WithVariable(variable("job", "Job", `label_values(acs_chat_operator_build_info{namespace=~"$namespace"}, job)`)).
									Link(dashboard.NewDashboardLinkBuilder("Runbooks").Type(dashboard.DashboardLinkTypeLink).Url(runbookBase).TargetBlank(true))
	// Links to a panel have its number.
	var id uint32
	for _, r := range rows {
		id++
		b.WithRow(dashboard.NewRowBuilder(r.title).Id(id))
		// The last panel takes what is left of the width.
		each := uint32(width / len(r.panels)) //nolint:gosec // at most 24
		for i := range r.panels {
			span := each
			if i == len(r.panels)-1 {
				span = width - each*uint32(i)
			}
			id++
			b.WithPanel(r.panels[i].builder(id, span, r.height))
		}
	}
	board, err := b.Build()
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(board, "", "  ")
	return string(text) + "\n", err
}

// variable returns a variable that takes its values from a label. Everything is chosen at first,
// also what has no such label.
func variable(name, label, definition string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(label).Datasource(datasource).
		Query(dashboard.StringOrMap{String: &definition}).Definition(definition).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).IncludeAll(true).AllValue(".*").
		Current(dashboard.VariableOption{
			Text:  dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}

func (p *panel) builder(id, span, height uint32) cog.Builder[dashboard.Panel] {
	if p.isNumber {
		return p.number(id, span, height)
	}
	b := timeseries.NewPanelBuilder().Id(id).Title(p.title).Description(p.text()).Unit(p.unit).Datasource(datasource).
		Span(span).Height(height).Min(0).FillOpacity(10).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	for i, q := range p.queries {
		b.WithTarget(target(q, refIDs[i]).Range())
	}
	return b
}

func (p *panel) number(id, span, height uint32) cog.Builder[dashboard.Panel] {
	steps := []dashboard.Threshold{{Color: "green"}}
	if p.red > 0 {
		steps = append(steps, dashboard.Threshold{Value: &p.red, Color: "red"})
	}
	b := stat.NewPanelBuilder().Id(id).Title(p.title).Description(p.text()).Unit(p.unit).Datasource(datasource).
		Span(span).Height(height).GraphMode(common.BigValueGraphModeNone).Orientation(common.VizOrientationAuto).
		Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
	if p.names {
		b.TextMode(common.BigValueTextModeName)
	}
	for i, q := range p.queries {
		b.WithTarget(target(q, refIDs[i]).Instant())
	}
	return b
}

// refIDs name the queries of a panel.
var refIDs = []string{"A", "B", "C"}

func target(q query, refID string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().Datasource(datasource).Expr(expand(q.expr)).LegendFormat(q.legend).RefId(refID)
}

// text is the description of a panel, with the case in which it is empty.
func (p *panel) text() string {
	if p.empty == "" {
		return p.description
	}
	return p.description + " Empty " + p.empty + "."
}

// panelTable returns the list of all panels for the page about the dashboard.
func panelTable() string {
	var b strings.Builder
	b.WriteString("| row | panel | shows |\n|---|---|---|\n")
	for _, r := range rows {
		for i := range r.panels {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.title, r.panels[i].title, cell(r.panels[i].text()))
		}
	}
	return b.String()
}
