%%% The runs of a host on the other nodes of the cluster, and which of them ended because their node went down. Pure functions.
-module(mod_tocsin_nodes).

-export([new/0, runs/3, left/2, down/2, due/2]).

-define(MOST, 64). % nodes that are down

-opaque nodes() :: #{node() => {up | down, Run :: binary()}}.
-export_type([nodes/0]).

-spec new() -> nodes().
new() -> #{}.

%% A node serves the host; Run is its current run.
-spec runs(node(), binary(), nodes()) -> nodes().
runs(Node, Run, Nodes) -> Nodes#{Node => {up, Run}}.

%% The module was stopped there, after it reported the ends of all sessions.
-spec left(node(), nodes()) -> nodes().
left(Node, Nodes) -> maps:remove(Node, Nodes).

-spec down(node(), nodes()) -> nodes().
down(Node, Nodes) ->
    case Nodes of
        #{Node := {up, Run}} ->
            case [N || {N, {down, _}} <- maps:to_list(Nodes)] of
                Down when length(Down) >= ?MOST -> (maps:without(Down, Nodes))#{Node := {down, Run}};
                _ -> Nodes#{Node := {down, Run}}
            end;
        _ -> Nodes
    end.

%% The runs of the nodes that are down, if this node has to report them: the first of those that are up does.
-spec due(node(), nodes()) -> [binary()].
due(Self, Nodes) ->
    case [N || {N, {up, _}} <- maps:to_list(Nodes), N < Self] of
        [] -> [Run || {_, {down, Run}} <- lists:sort(maps:to_list(Nodes))];
        _ -> []
    end.
