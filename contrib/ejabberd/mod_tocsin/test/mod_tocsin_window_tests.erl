-module(mod_tocsin_window_tests).

-compile([export_all, nowarn_export_all]). % EUnit finds functions by name; eunit.hrl is not installed everywhere

-import(mod_tocsin_window, [new/1, limit/2, add/3, seal/1, next/1, ack/2, rewind/1, lose/2, is_open/1, has_room/1, is_idle/1, lost/1, bytes/1, pack/2, unpack/3]).

event(Id) -> {<<"e">>, 1, <<" i='", (integer_to_binary(Id))/binary, "'/>">>}.

%% Adds N batches of one event each.
batches(N, W) -> lists:foldl(fun(I, W1) -> seal(add(I, event(I), W1)) end, W, lists:seq(1, N)).

%% After a window was saved and loaded, unacknowledged batches are sent with their numbers, whether they were sent before or not.
%% Numbering continues, and times are adjusted.
packed_test() ->
    {_, W} = sent(batches(3, new(100000))),
    {ok, W1} = ack(1, W),
    W2 = lose(7, add(5, event(5), seal(add(4, event(4), W1)))),
    Packed = binary_to_term(term_to_binary(pack(1000, W2)), [safe]),
    W3 = unpack(400, 100000, Packed),
    equal(7, lost(W3)),
    {N, First, _, _} = next(W3),
    equal({2, 602}, {N, First}),
    {Sent, W4} = sent(seal(add(2000, event(6), W3))),
    equal([2, 3, 4, 5, 6], numbers(Sent)),
    equal(<<"<e i='5'/>">>, proplists:get_value(5, Sent)),
    equal({ok, 0}, case ack(6, W4) of {ok, W5} -> {ok, bytes(W5)}; Other -> Other end),
    equal(3, length(numbers(element(1, sent(unpack(0, 30, Packed)))))), % a lower limit
    [equal(bad, try unpack(0, 1000, Bad) catch _:_ -> bad end) || Bad <- [none, {1, 0, [{2, 1, 1, <<>>}]}, {1, 0, [{1, x, 1, <<>>}]}, {-1, 0, []}, {1, 0, x}]].

%% All batches that would be sent now.
sent(W) -> sent(W, []).
sent(W, Sent) ->
    case next(W) of
        {N, _, Text, W1} -> sent(W1, [{N, Text} | Sent]);
        none -> {lists:reverse(Sent), W}
    end.

numbers(Sent) -> [N || {N, _} <- Sent].

order_test() ->
    W = seal(add(3500, event(3), add(1000, event(1), add(3500, event(2), add(2100, event(9), new(1000)))))),
    {[{1, Text}], _} = sent(W),
    equal(<<"<e i='1'/><e d='1' i='9'/><e d='2' i='2'/><e d='2' i='3'/>">>, Text).

full_test_() ->
    Big = binary:copy(<<"x">>, 50000),
    [{"events", fun() -> equal([1, 2], numbers(element(1, sent(lists:foldl(fun(I, W) -> add(I, event(I), W) end, new(100000), lists:seq(1, 1000)))))) end},
     {"elements", fun() -> equal([1], numbers(element(1, sent(lists:foldl(fun(I, W) -> add(I, {<<"e">>, 65, <<"/>">>}, W) end, new(100000), lists:seq(1, 16)))))) end},
     {"bytes", fun() -> equal([1], numbers(element(1, sent(add(1, {<<"e">>, 1, Big}, new(100000)))))) end},
     {"never too large", fun() ->
             W = lists:foldl(fun(_, W1) -> add(1, {<<"e">>, 1, binary:copy(<<"x">>, 48000)}, add(1, {<<"e">>, 1, binary:copy(<<"x">>, 122000)}, W1)) end,
                             new(10000000), lists:seq(1, 20)),
             {Sent, _} = sent(seal(W)),
             [equal(true, byte_size(Text) =< 196608) || {_, Text} <- Sent]
     end}].

acknowledged_test() ->
    {Sent, W} = sent(batches(5, new(100000))),
    equal([1, 2, 3, 4, 5], numbers(Sent)),
    equal(unknown, ack(6, W)),
    equal(unknown, ack(0, W)),
    {ok, W1} = ack(3, W),
    equal({ok, W1}, ack(2, W1)),
    {Again, _} = sent(rewind(W1)),
    equal([4, 5], numbers(Again)),
    {ok, W2} = ack(5, W1),
    equal(0, bytes(W2)).

unsent_is_not_acknowledged_test() ->
    W = batches(2, new(100000)),
    equal(unknown, ack(1, W)).

room_test() ->
    {Sent, W} = sent(batches(300, new(1000000))),
    equal(256, length(Sent)),
    equal(false, has_room(W)),
    equal(false, is_idle(W)),
    {ok, W1} = ack(1, W),
    {[{257, _}], _} = sent(W1),
    {More, W2} = sent(element(2, ack(256, W))),
    equal(lists:seq(257, 300), numbers(More)),
    equal(true, is_idle(W2)).

%% The oldest batches are dropped first and counted, and their numbers are not reused.
lost_test() ->
    {ok, One} = ack(1, element(2, sent(batches(1, new(100000))))),
    Size = byte_size(<<"<e i='1'/>">>),
    W = batches(9, limit(4 * Size, One)),
    equal(5, lost(W)),
    equal([7, 8, 9, 10], numbers(element(1, sent(W)))),
    equal(7, lost(lose(2, W))).

%% Batches in flight are never dropped, so that the limit on sent batches still holds later ones back.
in_flight_test() ->
    Size = byte_size(<<"<e i='1'/>">>),
    {Sent, W} = sent(batches(300, new(300 * Size + 300))),
    equal(256, length(Sent)),
    W1 = batches(9, limit(2 * byte_size(<<"<e i='1'/>">>), W)),
    equal(44 + 7, lost(W1)),
    equal(none, next(W1)),
    {ok, W2} = ack(256, W1),
    equal([308, 309], numbers(element(1, sent(W2)))).

open_test() ->
    equal(false, is_open(new(1))),
    W = add(1, event(1), new(100000)),
    equal(true, is_open(W)),
    equal(none, next(W)),
    equal(false, is_open(seal(W))).

equal(Same, Same) -> ok;
equal(Expected, Got) -> error({expected, Expected, got, Got}).
