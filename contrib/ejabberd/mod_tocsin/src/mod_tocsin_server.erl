%%% The process of a host: it gathers what the hooks tell, and sends it to the component in batches. There is one on each node
%%% of a cluster, which numbers by itself.
-module(mod_tocsin_server).
-behaviour(gen_server).

-export_type([between/0]).
-export([tap/1, wants/1, message/5, fate/6, tell/2, standing_changed/3, everywhere/1, request/3, reload/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2, code_change/3]).

-include("logger.hrl").
-include("xmpp.hrl").
-include("ejabberd_sm.hrl").
-include("ejabberd_router.hrl").
-include("mod_tocsin.hrl").

-define(VERSION, <<"1">>).
-define(TELLS, <<"handed acked unacked offline bounce dropped session roster removed">>).
-define(INBOX_MOST, 33554432). % bytes of events that wait for this process
-define(DELAY, 10). % ms until an incomplete batch is sent
-define(DRAIN, 200). % events taken at a time
-define(HERE, 100). % sessions told at a time
-define(ANSWER, 10000). % ms to wait for the component's disco#info
-define(NO_ROUTE, 50). % ms until it is looked again for the way to the component
-define(TRIES, 40). % until its having several is no reason to wait
-define(ASKING, 60000). % ms for sessions to say what they are
-define(HEAP, 10000). % words: with a heap as small as what it keeps it would collect garbage after every few events
-define(OVERHEAD, 1000). % bytes of an event in the inbox beside what it holds
-define(SMALL, 32768). % bytes of a message that is sent as it is

%% User and domain of the sender, and of the recipient.
-type between() :: {binary(), binary(), binary(), binary()}.

-record(state, {host :: binary(), component :: binary(), run :: binary(), counters :: atomics:atomics_ref(),
                window :: mod_tocsin_window:window(),
                peer = away :: away | {asked | deaf | up, pid(), reference()},
                timer :: undefined | reference(),
                here = done :: done | first | {next, pid()}, % sessions to be told of
                told = 0 :: non_neg_integer(), % losses when all sessions were told last
                sessions :: mod_tocsin_sessions:sessions(),
                standings :: mod_tocsin_standing:standings()}).

%%% Called by hooks

-spec tap(binary()) -> #tap{} | none.
tap(Host) -> persistent_term:get({mod_tocsin, Host}, none).

-spec wants(#tap{}) -> non_neg_integer().
wants(#tap{counters = Counters}) -> atomics:get(Counters, ?WANTS).

%% A message, as it is if it is small: the process of the host, whose caches are warm, takes it apart at half the cost.
-spec message(#tap{}, binary(), binary(), mod_tocsin_event:kind(), message()) -> ok.
message(Tap, Name, From, Kind, #message{body = Body, sub_els = Els} = M) ->
    case text_size(Body, erts_debug:flat_size(Els) * 8) of
        Small when Small < ?SMALL -> send(Tap, Small, {message, Name, From, Kind, M#message{meta = #{}}}); % nothing is copied in vain
        _ ->
            case mod_tocsin_event:describe(M, wants(Tap)) of
                none -> ok;
                Payloads -> tell(Tap, mod_tocsin_event:message(Name, From, Kind, M, Payloads), between(Kind, M))
            end
    end.

between(text, #message{from = F, to = T}) -> {F#jid.luser, F#jid.lserver, T#jid.luser, T#jid.lserver};
between(_, _) -> none.

text_size([], Size) -> Size;
text_size([#text{data = Text} | Texts], Size) -> text_size(Texts, Size + byte_size(Text)).

%% What became of one.
-spec fate(#tap{}, binary(), binary(), binary(), binary(), [{binary(), binary()}]) -> ok.
fate(Tap, Name, From, To, Id, More) -> send(Tap, 0, {fate, Name, From, To, Id, More}).

%% Another event, or what happened to a session.
-spec tell(#tap{} | none, fxml:xmlel() | tuple()) -> ok.
tell(none, _) -> ok;
tell(Tap, #xmlel{} = El) -> tell(Tap, El, none);
tell(#tap{pid = Pid}, Session) -> % few, and never dropped
    Pid ! {told, now_us(), 0, Session},
    ok.

tell(#tap{counters = Counters} = Tap, El, Between) ->
    case mod_tocsin_event:text(El) of
        {_, _, Rest} = Text -> send(Tap, byte_size(Rest), {text, Text, Between});
        too_large -> atomics:add(Counters, ?REFUSED, 1)
    end.

send(#tap{pid = Pid, counters = Counters}, Bytes, Event) ->
    Size = ?OVERHEAD + Bytes,
    case atomics:add_get(Counters, ?INBOX, Size) of
        Full when Full > ?INBOX_MOST ->
            atomics:sub(Counters, ?INBOX, Size),
            atomics:add(Counters, ?REFUSED, 1);
        _ ->
            Pid ! {told, now_us(), Size, Event},
            ok
    end.

%% A change of a roster, which is being written.
-spec standing_changed(#tap{} | none, jid(), jid()) -> ok.
standing_changed(none, _, _) -> ok;
standing_changed(#tap{pid = Pid}, Owner, Contact) ->
    Pid ! {standing_changed, jid:remove_resource(Owner), jid:remove_resource(Contact)},
    ok.

%% To the processes of all hosts, on all nodes.
-spec everywhere(term()) -> ok.
everywhere(Msg) ->
    [gen_server:abcast(ejabberd_cluster:get_nodes(), proc(Host), Msg)
     || Host <- ejabberd_option:hosts(), gen_mod:is_loaded(Host, mod_tocsin)],
    ok.

%% An IQ of the component. A run's name begins with its node's.
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
    true = verbatim(),
    process_flag(trap_exit, true),
    process_flag(priority, high), % at a lower one it is woken less often, but starves among thousands of busy sessions
    process_flag(message_queue_data, off_heap),
    process_flag(min_heap_size, ?HEAP),
    {Run, Window} = case mod_tocsin_kept:load(Host, node_name(node()), backlog(Opts)) of
                        none -> {new_run(), mod_tocsin_window:new(backlog(Opts))};
                        Kept -> Kept
                    end,
    State = #state{host = Host, component = gen_mod:get_opt(component, Opts), run = Run, counters = atomics:new(3, []),
                   window = Window, told = mod_tocsin_window:lost(Window), sessions = mod_tocsin_sessions:new(Host),
                   standings = mod_tocsin_standing:new()},
    publish(State),
    ask_sessions([Pid || #session{sid = {_, Pid}, us = {_, S}} <- ejabberd_sm:dirty_get_my_sessions_list(), S == Host], Host),
    {ok, look([], State)};
init([Host]) -> init([Host, gen_mod:get_module_opts(Host, mod_tocsin)]).

new_run() ->
    <<Random:64>> = crypto:strong_rand_bytes(8),
    <<(node_name(node()))/binary, (integer_to_binary(Random, 36))/binary>>.

ask_sessions([], _) -> ok;
ask_sessions(Pids, Host) ->
    ejabberd_hooks:add(c2s_handle_info, Host, mod_tocsin, asked, 40),
    erlang:send_after(?ASKING, self(), all_asked),
    [ejabberd_c2s:route(Pid, tocsin) || Pid <- Pids].

backlog(Opts) -> gen_mod:get_opt(backlog, Opts) * 1048576.

%% A term that is there already costs nothing; another one makes every process look for the old one.
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
            {noreply, ask(Pid, gone(S))}
    end;
handle_cast({down, Component, Pid}, #state{component = Component, peer = {_, Pid, _}} = S) -> {noreply, look([Pid], gone(S))};
handle_cast({ack, Run, N, IQ}, #state{run = Run, window = W} = S) ->
    case mod_tocsin_window:ack(N, W) of
        {ok, W1} ->
            ejabberd_router:route(xmpp:make_iq_result(IQ)),
            {noreply, pump(S#state{window = W1})};
        unknown -> refuse(IQ), {noreply, S}
    end;
handle_cast({ack, _, _, IQ}, S) -> refuse(IQ), {noreply, S};
handle_cast({refresh, IQ}, #state{peer = Peer, window = W} = S) ->
    S1 = pump(S#state{window = mod_tocsin_window:seal(W)}), % what was told before is sent before the answer
    IQ == none orelse ejabberd_router:route(xmpp:make_iq_result(IQ)),
    case Peer of
        {_, Pid, _} -> question(Pid, ?TRIES, S);
        away -> ok
    end,
    {noreply, S1};
handle_cast({forget, What}, #state{standings = Standings} = S) ->
    mod_tocsin_standing:forget(What, Standings),
    {noreply, S};
handle_cast(config_reloaded, S) -> publish(S), {noreply, S};
handle_cast({reload, Opts}, #state{component = Old, window = W} = S) ->
    S1 = S#state{window = mod_tocsin_window:limit(backlog(Opts), W)},
    case gen_mod:get_opt(component, Opts) of
        Old -> {noreply, S1};
        New ->
            S2 = (gone(S1))#state{component = New},
            publish(S2),
            {noreply, look([], S2)}
    end;
handle_cast(_, S) -> {noreply, S}.

handle_info({told, Time, Size, Event}, #state{counters = Counters} = S) ->
    {Taken, S1} = drain(?DRAIN, Size, event(Event, Time, S)),
    atomics:sub(Counters, ?INBOX, Taken),
    {noreply, schedule(pump(refused(S1)))};
handle_info({timeout, Timer, send}, #state{timer = Timer, window = W} = S) ->
    {noreply, pump(S#state{timer = undefined, window = mod_tocsin_window:seal(W)})};
handle_info({iq_reply, Reply, {disco, Pid}}, #state{peer = {_, Pid, _}} = S) -> {noreply, pump(answered(Reply, S))};
handle_info({question, Pid, Tries}, #state{peer = {_, Pid, _}} = S) ->
    question(Pid, Tries, S),
    {noreply, S};
handle_info({'DOWN', Ref, process, Pid, _}, #state{peer = {_, Pid, Ref}} = S) -> {noreply, look([Pid], gone(S))};
handle_info({'DOWN', Ref, process, Pid, _}, #state{sessions = Sessions} = S) ->
    {noreply, schedule(add_all(mod_tocsin_sessions:died(Ref, Pid, Sessions), now_us(), S))};
handle_info({standing_changed, Owner, Contact}, #state{standings = Standings} = S) ->
    mod_tocsin_standing:changed(Owner, Contact, Standings),
    {noreply, S};
handle_info({standing, Owner, Contact}, #state{host = Host, standings = Standings} = S) ->
    mod_tocsin_standing:settled(Owner, Contact, tap(Host), Standings),
    {noreply, S};
handle_info(all_asked, #state{host = Host} = S) ->
    ejabberd_hooks:delete(c2s_handle_info, Host, mod_tocsin, asked, 40),
    {noreply, S};
handle_info(_, S) -> {noreply, S}.

%% What is in the mailbox already, without the ceremony of a gen_server for each.
drain(0, Taken, S) -> {Taken, S};
drain(N, Taken, S) ->
    receive {told, Time, Size, Event} -> drain(N - 1, Taken + Size, event(Event, Time, S))
    after 0 -> {Taken, S}
    end.

%% The run is over, unless something could not be sent: ejabberd ends the component's connection before its modules, and what happens
%% in between is told after the restart.
terminate(_, #state{host = Host, run = Run, peer = Peer} = S) ->
    persistent_term:erase({mod_tocsin, Host}),
    ejabberd_hooks:delete(c2s_handle_info, Host, mod_tocsin, asked, 40),
    {_, S1} = drain(100000, 0, S),
    S2 = refused(S1),
    case Peer of
        {up, _, _} ->
            S3 = add_element(mod_tocsin_event:event(<<"bye">>, []), none, now_us(), S2),
            #state{window = W} = pump(S3#state{window = mod_tocsin_window:seal(S3#state.window)}),
            mod_tocsin_window:is_idle(W) orelse mod_tocsin_kept:save(Host, Run, W);
        _ -> mod_tocsin_kept:save(Host, Run, S2#state.window)
    end,
    ok.

code_change(_, S, _) -> {ok, S}.

%%% Events

event({message, Name, From, Kind, M}, Time, #state{counters = Counters} = S) ->
    case mod_tocsin_event:describe(M, atomics:get(Counters, ?WANTS)) of
        none -> S;
        Payloads -> add_element(mod_tocsin_event:message(Name, From, Kind, M, Payloads), between(Kind, M), Time, S)
    end;
event({fate, Name, From, To, Id, More}, Time, S) ->
    add_element(mod_tocsin_event:event(Name, [{<<"f">>, From}, {<<"t">>, To}, {<<"i">>, Id} | More]), none, Time, S);
event({text, Text, Between}, Time, S) -> add(Text, Between, Time, S);
event(Session, Time, #state{sessions = Sessions} = S) ->
    Els = mod_tocsin_sessions:happened(Session, Sessions),
    case {element(1, Session), S#state.peer} of
        {presence, _} -> add_all([El || El <- Els, wants_presence(S)], Time, S);
        {here, {up, _, _}} -> add_all(Els, Time, S);
        {here, _} -> S; % when the component is back it is told of all that are here then
        _ -> add_all(Els, Time, S)
    end.

%% Not while the component is away: when it is back it is told what is shown then.
wants_presence(#state{peer = {up, _, _}, counters = Counters}) -> atomics:get(Counters, ?WANTS) band ?NO_PRESENCE == 0;
wants_presence(_) -> false.

add_all(Els, Time, S) -> lists:foldl(fun(El, S1) -> add_element(El, none, Time, S1) end, S, Els).

add_element(El, Between, Time, #state{window = W} = S) ->
    case mod_tocsin_event:text(El) of
        too_large -> S#state{window = mod_tocsin_window:lose(1, W)};
        Text -> add(Text, Between, Time, S)
    end.

add({Name, Elements, Rest}, Between, Time, #state{window = W} = S) ->
    S#state{window = mod_tocsin_window:add(Time, {Name, known(Between, Time, S), Elements, Rest}, W)}.

%% What the server knows of the two between whom a message is.
known(none, _, _) -> [];
known({_, _, U, Host} = Between, Time, #state{standings = Standings}) ->
    mod_tocsin_event:attributes(mod_tocsin_standing:between(Between, Time, Standings) ++
                                    case tap(Host) of
                                        #tap{users = Users} -> mod_tocsin_sessions:count(U, Users);
                                        none -> []
                                    end).

refused(#state{counters = Counters, window = W} = S) ->
    case atomics:get(Counters, ?REFUSED) of
        0 -> S;
        _ -> S#state{window = mod_tocsin_window:lose(atomics:exchange(Counters, ?REFUSED, 0), W)}
    end.

%%% The component

%% One that is connected already, but for those that are gone.
look(Gone, S) ->
    case routes(S) -- Gone of
        [Pid | _] -> ask(Pid, S);
        [] -> S
    end.

routes(#state{component = Component}) ->
    case (ejabberd_router:get_backend()):find_routes(Component) of
        {ok, Routes} -> [Pid || #route{pid = Pid} <- Routes, is_pid(Pid)];
        _ -> []
    end.

ask(Pid, S) ->
    question(Pid, ?TRIES, S),
    S#state{peer = {asked, Pid, monitor(process, Pid)}}.

%% A node may hear of the component before it knows the way to it, or while it still knows that of an earlier connection: then the
%% question would go elsewhere.
question(Pid, Tries, #state{host = Host, component = Component} = S) ->
    Routes = routes(S),
    case Routes == [Pid] orelse Tries == 0 andalso lists:member(Pid, Routes) of
        true -> ejabberd_router:route_iq(#iq{type = get, from = jid:make(Host), to = jid:make(Component), sub_els = [#disco_info{}]},
                                         {disco, Pid}, self(), ?ANSWER);
        false -> erlang:send_after(?NO_ROUTE, self(), {question, Pid, max(0, Tries - 1)})
    end.

gone(#state{peer = away} = S) -> S;
gone(#state{peer = {_, _, Ref}, window = W} = S) ->
    erlang:demonitor(Ref, [flush]),
    S#state{peer = away, here = done, window = mod_tocsin_window:rewind(W)}.

answered(Reply, #state{component = Component, counters = Counters, window = W, peer = {Was, Pid, Ref}} = S) ->
    Features = features(Reply),
    case is_list(Features) andalso lists:member(?NS_TAP, Features) of
        true ->
            atomics:put(Counters, ?WANTS, lists:sum([Bit || {Feature, Bit} <- wishes(), lists:member(Feature, Features)])),
            S1 = S#state{peer = {up, Pid, Ref}},
            case Was of
                up -> S1;
                _ -> (hello(S1#state{window = mod_tocsin_window:seal(W)}))#state{here = first}
            end;
        false ->
            Was == deaf orelse ?WARNING_MSG("~ts does not read ~ts: nothing is told to it", [Component, ?NS_TAP]),
            Features == none andalso erlang:send_after(?ANSWER, self(), {question, Pid, ?TRIES}),
            S#state{peer = {deaf, Pid, Ref}}
    end.

features(#iq{type = result} = IQ) ->
    try xmpp:try_subtag(IQ, #disco_info{}) of
        #disco_info{features = Features} -> Features;
        _ -> []
    catch _:_ -> []
    end;
features(_) -> none. % an error, or nothing in time: it is asked again

wishes() ->
    [{<<?NS_TAP/binary, "#no-text">>, ?NO_TEXT}, {<<?NS_TAP/binary, "#no-reactions">>, ?NO_REACTIONS},
     {<<?NS_TAP/binary, "#no-presence">>, ?NO_PRESENCE}, {<<?NS_TAP/binary, "#ids">>, ?IDS}, {<<?NS_TAP/binary, "#mds">>, ?MDS}].

hello(#state{host = Host} = S) ->
    Version = ejabberd_option:version(),
    Node = case node() of nonode@nohost -> <<>>; Node_ -> atom_to_binary(Node_, utf8) end,
    add_element(mod_tocsin_event:event(<<"hello">>,
            [{<<"v">>, ?VERSION}, {<<"module">>, ?MODULE_VERSION}, {<<"server">>, <<"ejabberd ", Version/binary>>},
             {<<"hosts">>, Host}, {<<"node">>, Node}, {<<"tells">>, ?TELLS}]), none, now_us(), S).

%%% Sending

%% An incomplete batch goes after a while. While the component is away or behind, only complete ones are made.
schedule(#state{timer = undefined, peer = {up, _, _}, window = W} = S) ->
    case mod_tocsin_window:is_open(W) andalso mod_tocsin_window:is_idle(W) andalso mod_tocsin_window:has_room(W) of
        true -> S#state{timer = erlang:start_timer(?DELAY, self(), send)};
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

%% With nothing left to send and room for more, the sessions are told, also once more after a loss: they may have been in it.
caught_up(#state{here = Here, window = W, told = Told, sessions = Sessions} = S) ->
    Lost = mod_tocsin_window:lost(W),
    case mod_tocsin_window:is_idle(W) andalso mod_tocsin_window:has_room(W) of
        true when Here /= done ->
            {Els, Next} = mod_tocsin_sessions:here(?HERE, Here, wants_presence(S), Sessions),
            S1 = add_all(Els, now_us(), S#state{here = Next, told = Lost}),
            pump(S1#state{window = mod_tocsin_window:seal(S1#state.window)});
        true when Lost > Told ->
            ?WARNING_MSG("~B events were given up so far: ~ts does not take them in time", [Lost, S#state.component]),
            pump((hello(S))#state{here = first, told = Lost});
        _ -> schedule(S)
    end.

send(Pid, N, First, Text, #state{host = Host, component = Component, run = Run, window = W}) ->
    Age = max(0, now_us() - First) div 1000,
    Attrs = [{<<"xmlns">>, ?NS_TAP}, {<<"run">>, Run}, {<<"n">>, integer_to_binary(N)}] ++
        [{K, integer_to_binary(V)} || {K, V} <- [{<<"lost">>, mod_tocsin_window:lost(W)}, {<<"age">>, Age}], V > 0] ++
        [{<<"t">>, integer_to_binary(erlang:system_time(millisecond))}],
    ejabberd_cluster:send(Pid, {route, #message{from = jid:make(Host), to = jid:make(Component),
                                                sub_els = [#xmlel{name = <<"tap">>, attrs = Attrs, children = [verbatim(Text)]}]}}).

%% Names are written as they are, so one that holds a batch's text puts it into the stream without taking it apart and together
%% again: <NAME/>. It ends with an element that is complete then.
verbatim(Text) ->
    Size = byte_size(Text),
    case binary:part(Text, Size, -2) of
        <<"/>">> -> #xmlel{name = binary:part(Text, 1, Size - 3)};
        _ -> #xmlel{name = <<(binary:part(Text, 1, Size - 1))/binary, "<end">>}
    end.

%% Whether they still are.
verbatim() -> fxml:element_to_binary(verbatim(<<"<a b='c'>d</a>">>)) == <<"<a b='c'>d</a><end/>">>.

now_us() -> erlang:monotonic_time(microsecond).
