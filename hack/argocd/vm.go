// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package argocd runs the Lua of config/argo-cd in the way in which Argo CD runs it, for tests. It
// also writes and reads the ConfigMap that passes Lua to Argo CD.
package argocd

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
	luajson "layeh.com/gopher-json"
)

// timeLimit is the time that Argo CD gives to a script.
const timeLimit = time.Second

// VM runs scripts. As in Argo CD, a script sees the object as the global obj. The zero VM has the
// libraries that a script gets from Argo CD if it comes from a ConfigMap: package, base and table,
// and of os what does no harm.
type VM struct {
	// OpenLibs adds all libraries of Lua. Argo CD does that for health checks that it contains itself.
	OpenLibs bool

	states sync.Pool
}

// script is compiled Lua.
type script struct{ proto *lua.FunctionProto }

func compile(name, source string) (script, error) {
	chunk, err := parse.Parse(strings.NewReader(source), name)
	if err != nil {
		return script{}, fmt.Errorf("%s: %w", name, err)
	}
	proto, err := lua.Compile(chunk, name)
	if err != nil {
		return script{}, fmt.Errorf("%s: %w", name, err)
	}
	return script{proto}, nil
}

// run returns, as JSON, the table that a script returns for an object.
func (vm *VM) run(ctx context.Context, s script, object map[string]any) ([]byte, error) {
	state, err := vm.state()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", valueOf(state, object))
	state.Push(state.NewFunctionFromProto(s.proto))
	if err := state.PCall(0, 1, nil); err != nil {
		state.Close()
		return nil, withoutTrace(err)
	}
	result := state.Get(-1)
	if result.Type() != lua.LTTable {
		state.Close()
		return nil, fmt.Errorf("the script returned a %s instead of a table", result.Type())
	}
	encoded, err := luajson.Encode(result)
	state.RemoveContext()
	state.SetTop(0)
	vm.states.Put(state)
	return encoded, err
}

// withoutTrace returns the error of a script as Argo CD shows it.
func withoutTrace(err error) error {
	if failed, ok := err.(*lua.ApiError); ok && failed.Type == lua.ApiErrorRun { //nolint:errorlint // PCall does not wrap
		failed.StackTrace = ""
	}
	return err
}

// state returns a state that is not in use. A new one takes longer than most scripts.
func (vm *VM) state() (*lua.LState, error) {
	if state, ok := vm.states.Get().(*lua.LState); ok {
		return state, nil
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: !vm.OpenLibs})
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
	} {
		call := lua.P{Fn: state.NewFunction(library.open), Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			state.Close()
			return nil, fmt.Errorf("open library %s: %w", library.name, err)
		}
	}
	// The library is not a global: scripts require it.
	state.PreloadModule(lua.OsLibName, func(l *lua.LState) int {
		l.Push(l.SetFuncs(l.NewTable(), map[string]lua.LGFunction{"time": now}))
		return 1
	})
	return state, nil
}

func now(l *lua.LState) int {
	l.Push(lua.LNumber(time.Now().Unix()))
	return 1
}

// valueOf returns a value of an object in Lua. Numbers of all types become the same.
func valueOf(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case json.Number:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case []any:
		list := l.CreateTable(len(v), 0)
		for _, item := range v {
			list.Append(valueOf(l, item))
		}
		return list
	case map[string]any:
		table := l.CreateTable(0, len(v))
		for key, item := range v {
			table.RawSetString(key, valueOf(l, item))
		}
		return table
	default:
		return lua.LNil
	}
}
