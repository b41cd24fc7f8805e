-module(mod_tocsin_nodes_tests).

-compile([export_all, nowarn_export_all]). % EUnit finds what ends with _test; its header is not everywhere

-import(mod_tocsin_nodes, [new/0, runs/3, left/2, down/2, due/2]).

cluster() -> lists:foldl(fun({Node, Run}, Nodes) -> runs(Node, Run, Nodes) end, new(), [{b, <<"b1">>}, {c, <<"c1">>}]).

%% Of the nodes that are left the first one reports.
first_test() ->
    Nodes = down(b, runs(d, <<"d1">>, cluster())),
    equal([<<"b1">>], due(a, Nodes)),
    equal([], due(d, Nodes)),
    equal([<<"b1">>, <<"c1">>], due(d, down(c, Nodes))).

%% Those that ended properly, or run again, have nothing that others have to report.
ended_test() ->
    equal([], due(a, cluster())),
    equal([], due(a, down(b, left(b, cluster())))),
    equal([], due(a, runs(b, <<"b2">>, down(b, cluster())))),
    equal([<<"b2">>], due(a, down(b, runs(b, <<"b2">>, down(b, cluster()))))),
    equal([<<"b1">>], due(a, down(b, down(b, cluster())))).

%% One that never ran the host is none of its business.
stranger_test() -> equal([], due(a, down(x, cluster()))).

%% Nodes with ever new names are not remembered for ever.
bounded_test() ->
    Down = fun(I, Nodes) -> N = list_to_atom("n" ++ integer_to_list(I)), down(N, runs(N, integer_to_binary(I), Nodes)) end,
    Nodes = lists:foldl(Down, cluster(), lists:seq(1, 200)),
    equal(true, length(due(a, Nodes)) =< 64),
    equal(true, lists:member(<<"200">>, due(a, Nodes))),
    equal(true, lists:member(<<"b1">>, due(a, down(b, Nodes)))).

equal(Same, Same) -> ok;
equal(Expected, Got) -> error({expected, Expected, got, Got}).
