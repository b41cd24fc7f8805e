%%% A host's process: collects events from the hooks and sends them to the component in batches. In a cluster each node has
%%% one, with a sequence of its own.
-module(mod_tocsin_server).
-behaviour(gen_server).

-export_type([between/0]).
-export([tap/1, wants/1, message/5, outcome/6, report/2, standing_changed/3, broadcast/1, request/3, reload/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2, code_change/3]).

-include("logger.hrl").
-include("xmpp.hrl").
-include("ejabberd_sm.hrl").
-include("ejabberd_router.hrl").
-include("mod_tocsin.hrl").

-define(VERSION, <<"1">>).
-define(REPORTED, <<"handed acked unacked offline bounce dropped session roster removed">>).
-define(INBOX_LIMIT, 33554432). % bytes of events in the mailbox
-define(PAUSE, 50). % ms between batches that are not full
-define(DRAIN_LIMIT, 20000). % events handled at a time
-define(HERE_SLICE, 100). % sessions reported at a time
-define(DISCO_TIMEOUT, 10000). % ms to wait for the component's disco#info
-define(ROUTE_RETRY, 50). % ms between looks at the routing table
-define(ROUTE_TRIES, 40). % after that, several routes to the component are accepted
-define(SESSIONS_TIMEOUT, 60000). % ms for existing sessions to report their state
-define(MIN_HEAP, 10000). % words; a smaller heap would be garbage-collected every few events
-define(OVERHEAD, 1000). % bytes that an event takes in the mailbox besides its content
-define(SMALL, 32768). % bytes up to which a message is sent to the process unformatted

%% User and domain of the sender, user and domain of the recipient.
-type between() :: {binary(), binary(), binary(), binary()}.

-record(state, {host :: binary(), component :: binary(), run :: binary(), counters :: atomics:atomics_ref(),
                window :: mod_tocsin_window:window(),
                peer = away :: away | {querying | unsupported | up, pid(), reference()},
                due = false :: boolean(), % collect is in the mailbox
                here = done :: done | first | {next, pid()}, % next session to report as here
                reported_lost = 0 :: non_neg_integer(), % losses when all sessions were last reported
                sessions :: mod_tocsin_sessions:sessions(),
                nodes = mod_tocsin_nodes:new() :: mod_tocsin_nodes:nodes(),
                standings :: mod_tocsin_standing:standings()}).

%%% Called by hooks

-spec tap(binary()) -> #tap{} | none.
tap(Host) -> persistent_term:get({mod_tocsin, Host}, none).

-spec wants(#tap{}) -> non_neg_integer().
wants(#tap{counters = Counters}) -> atomics:get(Counters, ?WANTS).

%% Reports a message. A small one is sent to the host's process as it is: formatting costs half as much there, with warm caches.
-spec message(#tap{}, binary(), binary(), mod_tocsin_event:kind(), message()) -> ok.
message(Tap, Name, From, Kind, #message{body = Body, sub_els = Els} = M) ->
    case text_size(Body, erts_debug:flat_size(Els) * 8) of
        Small when Small < ?SMALL -> send(Tap, Small, {message, Name, From, Kind, M#message{meta = #{}}}); % metadata would be copied for nothing
        _ ->
            case mod_tocsin_event:message(Name, From, Kind, M, wants(Tap), []) of
                none -> ok;
                Event -> report(Tap, Event, between(Kind, M))
            end
    end.

between(text, #message{from = F, to = T}) -> {F#jid.luser, F#jid.lserver, T#jid.luser, T#jid.lserver};
between(_, _) -> none.

text_size([], Size) -> Size;
text_size([#text{data = Text} | Texts], Size) -> text_size(Texts, Size + byte_size(Text)).

%% Reports what became of a message.
-spec outcome(#tap{}, binary(), binary(), binary(), binary(), [{binary(), binary()}]) -> ok.
outcome(Tap, Name, From, To, Id, More) -> send(Tap, 0, {outcome, Name, From, To, Id, More}).

%% Reports any other event, or a change of a session (see mod_tocsin_sessions:handle/2).
-spec report(#tap{} | none, mod_tocsin_event:event() | too_large | tuple()) -> ok.
report(none, _) -> ok;
report(#tap{pid = Pid}, Session) when is_tuple(Session), is_atom(element(1, Session)) -> % rare, and never dropped
    Pid ! {event, now_us(), 0, Session},
    ok;
report(Tap, Event) -> report(Tap, Event, none).

report(#tap{counters = Counters}, too_large, _) -> atomics:add(Counters, ?REFUSED, 1);
report(Tap, {_, _, AfterName} = Event, Between) -> send(Tap, byte_size(AfterName), {written, Event, Between}).

send(#tap{pid = Pid, counters = Counters}, Bytes, Event) ->
    Size = ?OVERHEAD + Bytes,
    case atomics:add_get(Counters, ?INBOX, Size) of
        Full when Full > ?INBOX_LIMIT ->
            atomics:sub(Counters, ?INBOX, Size),
            atomics:add(Counters, ?REFUSED, 1);
        _ ->
            Pid ! {event, now_us(), Size, Event},
            ok
    end.

%% A roster item is about to change.
-spec standing_changed(#tap{} | none, jid(), jid()) -> ok.
standing_changed(none, _, _) -> ok;
standing_changed(#tap{pid = Pid}, Owner, Contact) ->
    Pid ! {standing_changed, jid:remove_resource(Owner), jid:remove_resource(Contact)},
    ok.

%% Casts to the processes of all hosts, on all nodes.
-spec broadcast(term()) -> ok.
broadcast(Msg) ->
    [gen_server:abcast(ejabberd_cluster:get_nodes(), proc(Host), Msg)
     || Host <- ejabberd_option:hosts(), gen_mod:is_loaded(Host, mod_tocsin)],
    ok.

%% Passes on an IQ from the component. A run's name begins with the name of its node.
-spec request(binary(), fxml:xmlel(), iq()) -> ok.
request(Host, #xmlel{name = <<"refresh">>}, IQ) ->
    gen_server:abcast(ejabberd_cluster:get_nodes() -- [node()], proc(Host), {refresh, none}),
    gen_server:cast(proc(Host), {refresh, IQ});
request(Host, #xmlel{attrs = Attrs}, IQ) ->
    Run = proplists:get_value(<<"run">>, Attrs, <<>>),
    N = try binary_to_integer(proplists:get_value(<<"n">>, Attrs, <<>>)) catch _:_ -> -1 end,
    case [Node || Node <- ejabberd_cluster:get_nodes(), is_prefix(node_name(Node), Run)] of
        [Node | _] when N >= 0 -> gen_server:cast({proc(Host), Node}, {ack, Run, N, IQ});
        _ -> refuse(IQ)
    end.

refuse(IQ) -> ejabberd_router:route(xmpp:make_error(IQ, xmpp:err_item_not_found())).

is_prefix(Prefix, Bin) -> binary:longest_common_prefix([Prefix, Bin]) == byte_size(Prefix).

node_name(Node) ->
    Name = integer_to_binary(erlang:phash2(Node, 36 * 36 * 36 * 36 * 36), 36),
    <<(binary:copy(<<"0">>, 5 - byte_size(Name)))/binary, Name/binary>>.

-spec reload(binary(), gen_mod:opts()) -> ok.
reload(Host, Opts) -> gen_server:cast(proc(Host), {reload, Opts}).

proc(Host) -> gen_mod:get_module_proc(Host, ?MODULE).

%%% The process

init([Host, Opts]) ->
    true = mod_tocsin_event:verbatim(),
    process_flag(trap_exit, true),
    process_flag(priority, high), % normal priority wakes it less often, but it starves among thousands of busy sessions
    process_flag(message_queue_data, off_heap),
    process_flag(min_heap_size, ?MIN_HEAP),
    {Run, Window} = case mod_tocsin_spool:load(Host, node_name(node()), backlog(Opts)) of
                        none -> {new_run(), mod_tocsin_window:new(backlog(Opts))};
                        Kept -> Kept
                    end,
    State = #state{host = Host, component = gen_mod:get_opt(component, Opts), run = Run, counters = atomics:new(3, []),
                   window = Window, reported_lost = mod_tocsin_window:lost(Window), sessions = mod_tocsin_sessions:new(Host),
                   standings = mod_tocsin_standing:new()},
    publish(State),
    ok = net_kernel:monitor_nodes(true),
    gen_server:abcast(nodes(), proc(Host), {runs, node(), Run, ask}),
    ask_sessions([Pid || #session{sid = {_, Pid}, us = {_, S}} <- ejabberd_sm:dirty_get_my_sessions_list(), S == Host], Host),
    {ok, find_component([], State)};
init([Host]) -> init([Host, gen_mod:get_module_opts(Host, mod_tocsin)]).

new_run() ->
    <<Random:64>> = crypto:strong_rand_bytes(8),
    <<(node_name(node()))/binary, (integer_to_binary(Random, 36))/binary>>.

ask_sessions([], _) -> ok;
ask_sessions(Pids, Host) ->
    ejabberd_hooks:add(c2s_handle_info, Host, mod_tocsin, asked, 40),
    erlang:send_after(?SESSIONS_TIMEOUT, self(), sessions_timeout),
    [ejabberd_c2s:route(Pid, tocsin) || Pid <- Pids].

backlog(Opts) -> gen_mod:get_opt(backlog, Opts) * 1048576.

%% Storing an equal term is free. Replacing one makes every process scan its heap for the old term.
publish(#state{host = Host, component = Component, counters = Counters, sessions = Sessions}) ->
    Rooms = lists:usort(lists:append([gen_mod:get_module_opt_hosts(H, mod_muc) || H <- ejabberd_option:hosts(), gen_mod:is_loaded(H, mod_muc)])),
    persistent_term:put({mod_tocsin, Host}, #tap{pid = self(), counters = Counters, component = Component, rooms = Rooms,
                                                  users = mod_tocsin_sessions:users(Sessions)}).

handle_call(_, _, S) -> {reply, {error, badarg}, S}.

handle_cast({up, Component, Pid}, #state{component = Component, peer = Peer} = S) ->
    case Peer of
        {_, Pid, _} -> {noreply, S};
        _ ->
            publish(S),
            {noreply, attach(Pid, disconnected(S))}
    end;
handle_cast({down, Component, Pid}, #state{component = Component, peer = {_, Pid, _}} = S) -> {noreply, find_component([Pid], disconnected(S))};
handle_cast({ack, Run, N, IQ}, #state{run = Run, window = W} = S) ->
    case mod_tocsin_window:ack(N, W) of
        {ok, W1} ->
            ejabberd_router:route(xmpp:make_iq_result(IQ)),
            {noreply, pump(S#state{window = W1})};
        unknown -> refuse(IQ), {noreply, S}
    end;
handle_cast({ack, _, _, IQ}, S) -> refuse(IQ), {noreply, S};
handle_cast({refresh, IQ}, #state{peer = Peer, window = W} = S) ->
    S1 = pump(S#state{window = mod_tocsin_window:seal(W)}), % earlier events go before the answer
    IQ == none orelse ejabberd_router:route(xmpp:make_iq_result(IQ)),
    case Peer of
        {_, Pid, _} -> query_features(Pid, ?ROUTE_TRIES, S);
        away -> ok
    end,
    {noreply, S1};
handle_cast({runs, Node, Run, Ask}, #state{host = Host, run = Own, nodes = Nodes} = S) ->
    Ask == ask andalso gen_server:cast({proc(Host), Node}, {runs, node(), Own, told}),
    {noreply, S#state{nodes = mod_tocsin_nodes:runs(Node, Run, Nodes)}};
handle_cast({left, Node}, #state{nodes = Nodes} = S) -> {noreply, S#state{nodes = mod_tocsin_nodes:left(Node, Nodes)}};
handle_cast({forget, What}, #state{standings = Standings} = S) ->
    mod_tocsin_standing:forget(What, Standings),
    {noreply, S};
handle_cast(config_reloaded, S) -> publish(S), {noreply, S};
handle_cast({reload, Opts}, #state{component = Old, window = W} = S) ->
    S1 = S#state{window = mod_tocsin_window:limit(backlog(Opts), W)},
    case gen_mod:get_opt(component, Opts) of
        Old -> {noreply, S1};
        New ->
            S2 = (disconnected(S1))#state{component = New},
            publish(S2),
            {noreply, find_component([], S2)}
    end;
handle_cast(_, S) -> {noreply, S}.

handle_info({event, Time, Size, Event}, S) -> {noreply, collect(Size, event(Event, Time, S))};
handle_info(collect, S) -> {noreply, collect(0, S#state{due = false})};
handle_info({iq_reply, Reply, {disco, Pid}}, #state{peer = {_, Pid, _}} = S) -> {noreply, pump(disco_result(Reply, S))};
handle_info({query_features, Pid, Tries}, #state{peer = {_, Pid, _}} = S) ->
    query_features(Pid, Tries, S),
    {noreply, S};
handle_info({'DOWN', Ref, process, Pid, _}, #state{peer = {_, Pid, Ref}} = S) -> {noreply, find_component([Pid], disconnected(S))};
handle_info({'DOWN', Ref, process, Pid, _}, #state{sessions = Sessions} = S) ->
    {noreply, schedule(add_all(mod_tocsin_sessions:down(Ref, Pid, Sessions), now_us(), S))};
handle_info({standing_changed, Owner, Contact}, #state{standings = Standings} = S) ->
    mod_tocsin_standing:changed(Owner, Contact, Standings),
    {noreply, S};
handle_info({standing, Owner, Contact}, #state{host = Host, standings = Standings} = S) ->
    mod_tocsin_standing:report_change(Owner, Contact, tap(Host), Standings),
    {noreply, S};
handle_info({nodeup, Node}, #state{host = Host, run = Run} = S) ->
    gen_server:cast({proc(Host), Node}, {runs, node(), Run, ask}),
    {noreply, S};
handle_info({nodedown, Node}, #state{nodes = Nodes} = S) ->
    S1 = S#state{nodes = mod_tocsin_nodes:down(Node, Nodes)},
    {noreply, case S1 of
                  #state{peer = {up, _, _}, nodes = Changed} when Changed /= Nodes -> schedule(ended(S1));
                  _ -> S1
              end};
handle_info(sessions_timeout, #state{host = Host} = S) ->
    ejabberd_hooks:delete(c2s_handle_info, Host, mod_tocsin, asked, 40),
    {noreply, S};
handle_info(_, S) -> {noreply, S}.

%% Handles and sends the events that are in the mailbox, then lets others gather there. One by one, each would find the caches
%% cold, and rounds of gen_server and stanzas to the component would be for a few events each. Messages wake the process from
%% this sleep, too, but only to go on sleeping.
collect(Size, #state{counters = Counters} = S) ->
    {Taken, S1} = drain(?DRAIN_LIMIT, Size, S),
    atomics:sub(Counters, ?INBOX, Taken),
    #state{peer = Peer} = S2 = flush(count_refused(S1)),
    case Peer of
        {up, _, _} -> receive after ?PAUSE -> ok end;
        _ -> ok % that the component comes, and its answer, must neither wait nor be overtaken
    end,
    S2.

drain(0, Taken, S) -> {Taken, S};
drain(N, Taken, S) ->
    receive {event, Time, Size, Event} -> drain(N - 1, Taken + Size, event(Event, Time, S))
    after 0 -> {Taken, S}
    end.

%% Ends the run if everything can be sent. Otherwise saves it: when ejabberd stops, it closes the component's connection
%% before it stops modules, and what happens in between is reported after the restart.
terminate(_, #state{host = Host, run = Run, peer = Peer} = S) ->
    persistent_term:erase({mod_tocsin, Host}),
    gen_server:abcast(nodes(), proc(Host), {left, node()}),
    ejabberd_hooks:delete(c2s_handle_info, Host, mod_tocsin, asked, 40),
    {_, S1} = drain(100000, 0, S),
    S2 = count_refused(S1),
    case Peer of
        {up, _, _} ->
            S3 = add(mod_tocsin_event:event(<<"bye">>, []), now_us(), S2),
            #state{window = W} = pump(S3#state{window = mod_tocsin_window:seal(S3#state.window)}),
            mod_tocsin_window:is_idle(W) orelse mod_tocsin_spool:save(Host, Run, W);
        _ -> mod_tocsin_spool:save(Host, Run, S2#state.window)
    end,
    ok.

code_change(_, S, _) -> {ok, S}.

%%% Events

event({message, Name, From, Kind, M}, Time, #state{counters = Counters} = S) ->
    Wants = atomics:get(Counters, ?WANTS),
    add(mod_tocsin_event:message(Name, From, Kind, M, Wants, known(between(Kind, M), Time, S)), Time, S);
event({outcome, Name, From, To, Id, More}, Time, S) ->
    add(mod_tocsin_event:event(Name, [{<<"f">>, From}, {<<"t">>, To}, {<<"i">>, Id} | More]), Time, S);
event({written, {Name, Elements, AfterName}, Between}, Time, S) ->
    Known = mod_tocsin_event:attributes(known(Between, Time, S)),
    add({Name, Elements, iolist_to_binary([Known, AfterName])}, Time, S);
event(Session, Time, #state{sessions = Sessions} = S) ->
    Els = mod_tocsin_sessions:handle(Session, Sessions),
    case {element(1, Session), S#state.peer} of
        {presence, _} -> add_all([El || El <- Els, wants_presence(S)], Time, S);
        {here, {up, _, _}} -> add_all(Els, Time, S);
        {here, _} -> S; % all sessions are reported when the component connects
        _ -> add_all(Els, Time, S)
    end.

%% Not while the component is away: it gets the current presence when it connects.
wants_presence(#state{peer = {up, _, _}, counters = Counters}) -> atomics:get(Counters, ?WANTS) band ?NO_PRESENCE == 0;
wants_presence(_) -> false.

add_all(Events, Time, S) -> lists:foldl(fun(Event, S1) -> add(Event, Time, S1) end, S, Events).

add(none, _, S) -> S;
add(too_large, _, #state{window = W} = S) -> S#state{window = mod_tocsin_window:lose(1, W)};
add(Event, Time, #state{window = W} = S) -> S#state{window = mod_tocsin_window:add(Time, Event, W)}.

%% What the server knows about a message's sender and recipient, as attributes.
known(none, _, _) -> [];
known({_, _, U, Host} = Between, Time, #state{standings = Standings}) ->
    mod_tocsin_standing:between(Between, Time, Standings) ++
        case tap(Host) of
            #tap{users = Users} -> mod_tocsin_sessions:count(U, Users);
            none -> []
        end.

count_refused(#state{counters = Counters, window = W} = S) ->
    case atomics:get(Counters, ?REFUSED) of
        0 -> S;
        _ -> S#state{window = mod_tocsin_window:lose(atomics:exchange(Counters, ?REFUSED, 0), W)}
    end.

%%% The component

%% Attaches to a component that is connected already, unless its stream is among Gone.
find_component(Gone, S) ->
    case routes(S) -- Gone of
        [Pid | _] -> attach(Pid, S);
        [] -> S
    end.

routes(#state{component = Component}) ->
    case (ejabberd_router:get_backend()):find_routes(Component) of
        {ok, Routes} -> [Pid || #route{pid = Pid} <- Routes, is_pid(Pid)];
        _ -> []
    end.

attach(Pid, S) ->
    query_features(Pid, ?ROUTE_TRIES, S),
    S#state{peer = {querying, Pid, monitor(process, Pid)}}.

%% Waits until the route to Pid is the only one. A node may hear of a connection before it has its route, or while it still has
%% that of an earlier connection, and the query would go there.
query_features(Pid, Tries, #state{host = Host, component = Component} = S) ->
    Routes = routes(S),
    case Routes == [Pid] orelse Tries == 0 andalso lists:member(Pid, Routes) of
        true -> ejabberd_router:route_iq(#iq{type = get, from = jid:make(Host), to = jid:make(Component), sub_els = [#disco_info{}]},
                                         {disco, Pid}, self(), ?DISCO_TIMEOUT);
        false -> erlang:send_after(?ROUTE_RETRY, self(), {query_features, Pid, max(0, Tries - 1)})
    end.

disconnected(#state{peer = away} = S) -> S;
disconnected(#state{peer = {_, _, Ref}, window = W} = S) ->
    erlang:demonitor(Ref, [flush]),
    S#state{peer = away, here = done, window = mod_tocsin_window:rewind(W)}.

disco_result(Reply, #state{component = Component, counters = Counters, window = W, peer = {Was, Pid, Ref}} = S) ->
    Features = features(Reply),
    case is_list(Features) andalso lists:member(?NS_TAP, Features) of
        true ->
            atomics:put(Counters, ?WANTS, lists:sum([Bit || {Feature, Bit} <- wanted(), lists:member(Feature, Features)])),
            S1 = S#state{peer = {up, Pid, Ref}},
            case Was of
                up -> S1;
                _ -> (ended(hello(S1#state{window = mod_tocsin_window:seal(W)})))#state{here = first}
            end;
        false ->
            Was == unsupported orelse ?WARNING_MSG("~ts does not support ~ts, so no events are sent to it", [Component, ?NS_TAP]),
            Features == none andalso erlang:send_after(?DISCO_TIMEOUT, self(), {query_features, Pid, ?ROUTE_TRIES}),
            S#state{peer = {unsupported, Pid, Ref}}
    end.

features(#iq{type = result} = IQ) ->
    try xmpp:try_subtag(IQ, #disco_info{}) of
        #disco_info{features = Features} -> Features;
        _ -> []
    catch _:_ -> []
    end;
features(_) -> none. % error or timeout: it is queried again

wanted() ->
    [{<<?NS_TAP/binary, "#no-text">>, ?NO_TEXT}, {<<?NS_TAP/binary, "#no-reactions">>, ?NO_REACTIONS},
     {<<?NS_TAP/binary, "#no-presence">>, ?NO_PRESENCE}, {<<?NS_TAP/binary, "#ids">>, ?IDS}, {<<?NS_TAP/binary, "#mds">>, ?MDS}].

hello(#state{host = Host} = S) ->
    Version = ejabberd_option:version(),
    Node = case node() of nonode@nohost -> <<>>; Node_ -> atom_to_binary(Node_, utf8) end,
    add(mod_tocsin_event:event(<<"hello">>,
            [{<<"v">>, ?VERSION}, {<<"module">>, ?MODULE_VERSION}, {<<"server">>, <<"ejabberd ", Version/binary>>},
             {<<"hosts">>, Host}, {<<"node">>, Node}, {<<"tells">>, ?REPORTED}]), now_us(), S).

%% Reports the runs of nodes that are down. It is repeated after every hello, since it may have been lost.
ended(#state{nodes = Nodes} = S) ->
    add_all([mod_tocsin_event:event(<<"ended">>, [{<<"run">>, Run}]) || Run <- mod_tocsin_nodes:due(node(), Nodes)], now_us(), S).

%%% Sending

%% Sends what there is. While the component is away or behind, batches are filled instead.
flush(#state{peer = {up, _, _}, window = W} = S) ->
    case mod_tocsin_window:has_room(W) of
        true -> pump(S#state{window = mod_tocsin_window:seal(W)});
        false -> S
    end;
flush(S) -> S.

%% Sees to it that an incomplete batch is sent soon.
schedule(#state{due = false, peer = {up, _, _}, window = W} = S) ->
    case mod_tocsin_window:is_open(W) andalso mod_tocsin_window:has_room(W) of
        true -> self() ! collect, S#state{due = true};
        false -> S
    end;
schedule(S) -> S.

pump(#state{peer = {up, Pid, _}, window = W} = S) ->
    case mod_tocsin_window:next(W) of
        {N, First, Text, W1} ->
            send(Pid, N, First, Text, S),
            pump(S#state{window = W1});
        none -> caught_up(S)
    end;
pump(S) -> S.

%% Once everything is sent and there is room for more, reports all sessions that are still to be reported. After a loss it starts
%% over, because session events may have been lost.
caught_up(#state{here = Here, window = W, reported_lost = Reported, sessions = Sessions} = S) ->
    Lost = mod_tocsin_window:lost(W),
    case mod_tocsin_window:is_idle(W) andalso mod_tocsin_window:has_room(W) of
        true when Here /= done ->
            {Els, Next} = mod_tocsin_sessions:here(?HERE_SLICE, Here, wants_presence(S), Sessions),
            S1 = add_all(Els, now_us(), S#state{here = Next, reported_lost = Lost}),
            pump(S1#state{window = mod_tocsin_window:seal(S1#state.window)});
        true when Lost > Reported ->
            ?WARNING_MSG("~B events lost so far: ~ts reads them too slowly", [Lost, S#state.component]),
            pump((ended(hello(S)))#state{here = first, reported_lost = Lost});
        _ -> schedule(S)
    end.

send(Pid, N, First, Text, #state{host = Host, component = Component, run = Run, window = W}) ->
    Age = max(0, now_us() - First) div 1000,
    Attrs = [{<<"xmlns">>, ?NS_TAP}, {<<"run">>, Run}, {<<"n">>, integer_to_binary(N)}] ++
        [{K, integer_to_binary(V)} || {K, V} <- [{<<"lost">>, mod_tocsin_window:lost(W)}, {<<"age">>, Age}], V > 0] ++
        [{<<"t">>, integer_to_binary(erlang:system_time(millisecond))}],
    ejabberd_cluster:send(Pid, {route, #message{from = jid:make(Host), to = jid:make(Component),
                                                sub_els = [#xmlel{name = <<"tap">>, attrs = Attrs, children = [mod_tocsin_event:verbatim(Text)]}]}}).

now_us() -> erlang:monotonic_time(microsecond).
