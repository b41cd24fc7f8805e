%%% mod_tocsin: reports to Tocsin's component what happens to users' messages (docs/PROTOCOL.md, section 10).
%%%
%%% Hooks run in the processes of users' sessions. They turn a stanza into an event and send it to the host's process
%%% (mod_tocsin_server). They never block and never change what a user sends or receives. A message that was reported is
%%% marked in its metadata. The mark stays with the record in sessions, their stream management queues, the offline hook,
%%% other nodes of the cluster, and the errors that the server generates for it.
-module(mod_tocsin).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_opt_type/1, mod_options/1, mod_doc/0]).
-export([out/1, received/1, handed/3, denied/4, offline/1, archived/7, archived/8, acked/2, resume/2, resume_inline/1, copied/2, terminated/2]).
-export([opened/1, hibernating/1, resumed/1, presence/1, asked/2]).
-export([removed/2, subscription_out/1, subscription_in/2, roster_item/2, displayed/6]).
-export([component_up/1, component_down/2, component_sends/1, config_reloaded/0, process_iq/1, decode_iq_subel/1]).
-export([disco_features/5, disco_info/5]).

-include("xmpp.hrl").
-include("mod_roster.hrl").
-include("mod_tocsin.hrl").

-import(mod_tocsin_server, [tap/1, report/2]).

-define(HOOKS, [{user_send_packet, out, 87}, % before the archive (88) and carbons (89)
                {sm_receive_packet, received, 10},
                {c2s_handle_send, handed, 60}, % after stream management (50)
                {privacy_check_packet, denied, 90}, % after the lists (50)
                {offline_message_hook, offline, 95}, % after archiving and storing, before the bounce (100)
                {store_mam_message, archived, 90}, % before the archive (100)
                {c2s_authenticated_packet, acked, 40}, % before stream management, which stops the hook chain
                {c2s_unbinded_packet, resume, 40},
                {c2s_handle_sasl2_inline, resume_inline, 40}, % since 24.02
                {c2s_copy_session, copied, 40},
                {c2s_terminated, terminated, 40},
                {c2s_session_opened, opened, 90},
                {c2s_session_pending, hibernating, 90},
                {c2s_session_resumed, resumed, 90},
                {c2s_self_presence, presence, 90},
                {remove_user, removed, 90},
                {roster_out_subscription, subscription_out, 90},
                {roster_in_subscription, subscription_in, 90},
                {roster_process_item, roster_item, 90},
                {pubsub_publish_item, displayed, 90},
                {disco_local_features, disco_features, 90},
                {disco_info, disco_info, 110}]). % after mod_disco (100), which discards earlier results

-define(GLOBAL_HOOKS, [{component_connected, component_up, 90},
                       {component_disconnected, component_down, 90},
                       {component_send_packet, component_sends, 40}, % before mod_privilege (50)
                       {config_reloaded, config_reloaded, 90}]).

%% Helper modules: ejabberd itself loads and unloads only the configured module.
-define(MODULES, [mod_tocsin_event, mod_tocsin_nodes, mod_tocsin_spool, mod_tocsin_server, mod_tocsin_sessions, mod_tocsin_standing, mod_tocsin_window]).

%%% The module

start(Host, Opts) ->
    [{module, M} = code:ensure_loaded(M) || M <- ?MODULES],
    case gen_mod:start_child(mod_tocsin_server, Host, Opts) of
        {ok, _} ->
            [ejabberd_hooks:add(Hook, Host, ?MODULE, F, Seq) || {Hook, F, Seq} <- ?HOOKS],
            [ejabberd_hooks:add(Hook, ?MODULE, F, Seq) || {Hook, F, Seq} <- ?GLOBAL_HOOKS],
            gen_iq_handler:add_iq_handler(ejabberd_local, Host, ?NS_TAP, ?MODULE, process_iq);
        Error -> Error
    end.

stop(Host) ->
    gen_iq_handler:remove_iq_handler(ejabberd_local, Host, ?NS_TAP),
    [ejabberd_hooks:delete(Hook, Host, ?MODULE, F, Seq) || {Hook, F, Seq} <- ?HOOKS],
    Result = gen_mod:stop_child(mod_tocsin_server, Host),
    case gen_mod:is_loaded_elsewhere(Host, ?MODULE) of
        true -> ok;
        false ->
            [ejabberd_hooks:delete(Hook, ?MODULE, F, Seq) || {Hook, F, Seq} <- ?GLOBAL_HOOKS],
            [code:soft_purge(M) andalso code:delete(M) || M <- ?MODULES] % so that an upgrade loads the new ones
    end,
    Result.

reload(Host, Opts, _) -> mod_tocsin_server:reload(Host, Opts).

depends(_, _) -> [].

mod_opt_type(component) -> econf:domain();
mod_opt_type(backlog) -> econf:int(1, 4096).

mod_options(Host) -> [{component, <<"tocsin.", Host/binary>>}, {backlog, 64}].

mod_doc() ->
    #{desc => <<"Reports what happens to messages to Tocsin, an external component.">>,
      opts => [{component, #{value => <<"Domain">>, desc => <<"The component's domain. The default is 'tocsin.' followed by the host.">>}},
               {backlog, #{value => <<"1..4096">>,
                           desc => <<"Memory in MiB for events kept while the component is offline or slow. The default is 64.">>}}]}.

%%% Service discovery of the host: shows "tocsin check" that the module is loaded, its version, and the component it reports to.

disco_features(Acc, _From, _To, <<"">>, _Lang) ->
    case Acc of
        {result, Features} -> {result, [?NS_TAP | Features]};
        empty -> {result, [?NS_TAP]};
        _ -> Acc
    end;
disco_features(Acc, _From, _To, _Node, _Lang) -> Acc.

disco_info(Acc, Host, mod_disco, <<"">>, _Lang) ->
    Field = fun(Type, Var, Value) -> #xdata_field{type = Type, var = Var, values = [Value]} end,
    [#xdata{type = result, fields = [Field(hidden, <<"FORM_TYPE">>, <<"urn:tocsin:tap">>),
                                     Field('text-single', <<"component">>, gen_mod:get_module_opt(Host, ?MODULE, component)),
                                     Field('text-single', <<"module">>, ?MODULE_VERSION)]} | Acc];
disco_info(Acc, _Host, _Module, _Node, _Lang) -> Acc.

%%% Messages

%% A local session sends a message.
out({#message{type = T, from = From, to = To} = M, #{lserver := Host} = State}) when T == chat; T == normal; T == error ->
    Tap = tap(Host),
    case is_one_to_one(From, To, Tap) andalso mod_tocsin_event:kind(M) of
        Kind when Kind == text; Kind == other; Kind == error ->
            mod_tocsin_server:message(Tap, <<"out">>, full(State), Kind, M),
            {mark(M, Kind), State};
        _ -> {mark(M, none), State}
    end;
out(Acc) -> Acc.

%% A message to a local user: an error generated by the server, or a message from elsewhere.
received(#message{type = error, meta = #{tocsin := text}, to = #jid{lserver = Host}} = M) ->
    bounce(tap(Host), M),
    mark(M, none);
received(#message{meta = Meta} = M) when is_map_key(tocsin, Meta); is_map_key(carbon_copy, Meta); is_map_key(from_offline, Meta) -> M;
received(#message{type = T, from = From, to = #jid{lserver = Host} = To} = M) when T == chat; T == normal; T == error ->
    Tap = tap(Host),
    case is_one_to_one(From, To, Tap) andalso mod_tocsin_event:kind(M) of
        error ->
            case ejabberd_router:is_my_host(From#jid.lserver) of
                true -> bounce(Tap, M);
                false -> mod_tocsin_server:message(Tap, <<"in">>, jid:encode(From), error, M)
            end;
        Kind when Kind == text; Kind == other ->
            %% A local message from storage was reported before: only its delivery is reported.
            mod_tocsin_event:is_replay(M) andalso ejabberd_router:is_my_host(From#jid.lserver) orelse
                mod_tocsin_server:message(Tap, <<"in">>, jid:encode(From), Kind, M);
        _ -> ok
    end,
    M; % without a mark: nothing else is reported about remote users' messages
received(Packet) -> Packet.

%% A message is written to a session's socket or put into its queue. Sessions with stream management are skipped: their
%% acknowledgement says more.
handed(State, #message{type = error, meta = #{tocsin := text}} = M, _) -> % refused by the sender's own privacy lists: no other hook saw it
    #{lserver := Host} = State,
    bounce(tap(Host), M),
    State;
handed(State, #message{meta = #{tocsin := Mark}}, _) when Mark /= text -> State;
handed(State, #message{} = M, ok) ->
    case State of
        #{mgmt_state := S} when S /= inactive -> ok;
        #{lserver := Host, jid := _} -> report_all(tap(Host), <<"handed">>, [M], State);
        _ -> ok
    end,
    State;
handed(State, Packet, _) when element(1, Packet) == sm_enabled; element(1, Packet) == sasl2_success -> managed(State);
handed(State, _, _) -> State.

managed(#{mgmt_state := active, mgmt_timeout := Timeout, lserver := Host, sid := _} = State) when not is_map_key(tocsin_managed, State) ->
    report(tap(Host), {managed, self(), Timeout > 0}),
    State#{tocsin_managed => true};
managed(State) -> State.

offline({How, #message{to = #jid{lserver = Host} = To} = M} = Acc) when How == offlined; How == archived ->
    Tap = tap(Host),
    case Tap /= none andalso subject(M) of
        {From, Id} ->
            mod_tocsin_server:outcome(Tap, <<"offline">>, jid:encode(From), jid:encode(To), Id,
                                   [{<<"how">>, case How of offlined -> <<"offline">>; archived -> <<"archive">> end}]);
        _ -> ok
    end,
    Acc;
offline(Acc) -> Acc.

%% A message from storage whose sender has been blocked meanwhile is dropped silently. Any other gets an error.
denied(deny, #{lserver := Host}, #message{meta = #{from_offline := true}, to = To} = M, in) ->
    Tap = tap(Host),
    case Tap /= none andalso subject(M) of
        {From, Id} -> mod_tocsin_server:outcome(Tap, <<"dropped">>, jid:encode(From), jid:encode(jid:remove_resource(To)), Id, [{<<"why">>, <<"blocked">>}]);
        _ -> ok
    end,
    deny;
denied(Acc, _, _, _) -> Acc.

%% The recipient's archive has stored the message under its own id (XEP-0359). Reported only if the component asks for ids.
archived(#message{to = #jid{} = To, meta = #{stanza_id := Id}} = M, U, S, _Peer, _Nick, chat, recv) when is_integer(Id) ->
    Tap = tap(S),
    case Tap /= none andalso mod_tocsin_server:wants(Tap) band ?IDS /= 0 andalso To#jid.luser == U andalso subject(M) of
        {From, MsgId} ->
            mod_tocsin_server:outcome(Tap, <<"stanza-id">>, jid:encode(From), jid:encode(jid:remove_resource(To)), MsgId,
                                   [{<<"id">>, integer_to_binary(Id)}]);
        _ -> ok
    end,
    M;
archived(Packet, _, _, _, _, _, _) -> Packet.

%% The hook of 26.07: true means that a room's archive already has the message.
archived(Packet, U, S, Peer, Nick, Type, Way, false) -> archived(Packet, U, S, Peer, Nick, Type, Way);
archived(Packet, _, _, _, _, _, _, true) -> Packet.

bounce(none, _) -> ok;
bounce(Tap, #message{from = From, id = Id} = M) when Id /= <<>>, byte_size(Id) =< ?MAX_ID ->
    mod_tocsin_server:message(Tap, <<"bounce">>, jid:encode(From), error, M);
bounce(_, _) -> ok.

mark(M, Mark) -> xmpp:put_meta(M, tocsin, Mark).

%% Whether a message goes from one person to another: not to or from a room or the component, and not to oneself.
is_one_to_one(_, _, none) -> false;
is_one_to_one(#jid{luser = U, lserver = S}, #jid{luser = U, lserver = S}, _) -> false;
is_one_to_one(#jid{luser = U, lserver = From}, #jid{luser = V, lserver = To}, #tap{component = C, rooms = Rooms})
  when U /= <<>>, V /= <<>>, From /= C, To /= C ->
    not lists:member(From, Rooms) andalso not lists:member(To, Rooms);
is_one_to_one(_, _, _) -> false.

%% Author and id of a message whose outcome is reported: one with content, by a local user. Messages from storage have lost
%% their mark, so they are classified again.
subject(#message{type = T, meta = #{tocsin := text}, from = From, id = Id}) when T == chat; T == normal -> named(From, Id);
subject(#message{meta = #{tocsin := _}}) -> none;
subject(#message{meta = #{carbon_copy := true}, sub_els = [#carbons_received{forwarded = #forwarded{sub_els = [#message{} = M]}} | _]}) ->
    subject(M);
subject(#message{type = T, from = #jid{luser = U, lserver = S} = From, id = Id} = M) when T == chat, U /= <<>>; T == normal, U /= <<>> ->
    case ejabberd_router:is_my_host(S) andalso mod_tocsin_event:kind(M) of
        text -> named(From, Id);
        _ -> none
    end;
subject(_) -> none.

named(From, Id) when Id /= <<>>, byte_size(Id) =< ?MAX_ID -> {From, Id};
named(_, _) -> none.

%% Reports the same event for several messages of a session.
report_all(none, _, _, _) -> ok;
report_all(Tap, Name, Messages, State) ->
    [mod_tocsin_server:outcome(Tap, Name, jid:encode(From), full(State), Id, []) || {From, Id} <- [subject(M) || M <- Messages]],
    ok.

%%% Stream management (XEP-0198)

acked(#{mgmt_state := S, mgmt_xmlns := NS} = State, #sm_a{h = H, xmlns = NS}) when S == active; S == pending ->
    report_acked(State, H, State),
    State;
acked(State, _) -> State.

%% A resumption also acknowledges. The queue is in the old session's state, which copied/2 gets next.
resume(State, #sm_resume{h = H}) -> State#{tocsin_h => H};
resume(State, _) -> State.

resume_inline({State, Els, Results} = Acc) ->
    case lists:keyfind(sm_resume, 1, Els) of
        #sm_resume{h = H} -> {State#{tocsin_h => H}, Els, Results};
        false -> Acc
    end.

copied(State, Old) ->
    case State of
        #{tocsin_h := H} -> report_acked(Old, H, Old);
        _ -> ok
    end,
    maps:remove(tocsin_h, State#{tocsin_managed => true, tocsin_old => key(Old)}).

report_acked(#{lserver := Host, mgmt_queue := Queue, mgmt_stanzas_out := Out}, H, Session) when H =< Out ->
    report_all(tap(Host), <<"acked">>, upto(H, Queue), Session);
report_acked(_, _, _) -> ok. % more than was sent: mod_stream_mgmt closes the stream

%% Folds the queue because dequeuing would change a file-backed one.
upto(H, Queue) ->
    try p1_queue:foldl(fun({N, _, _}, Ms) when N > H -> throw({?MODULE, Ms});
                          ({_, _, #message{} = M}, Ms) -> [M | Ms];
                          (_, Ms) -> Ms
                       end, [], Queue) of
        Ms -> lists:reverse(Ms)
    catch throw:{?MODULE, Ms} -> lists:reverse(Ms)
    end.

%%% Sessions

opened(#{lserver := Host, jid := JID} = State) ->
    State1 = State#{tocsin_key => key(State), tocsin_jid => jid:encode(JID)},
    report(tap(Host), {opened, self(), session(State1)}),
    State1.

hibernating(#{lserver := Host} = State) ->
    report(tap(Host), {hibernating, self()}),
    State.

resumed(#{lserver := Host, jid := JID} = State) ->
    State1 = State#{tocsin_key => key(maps:remove(tocsin_key, State)), tocsin_jid => jid:encode(JID)},
    report(tap(Host), {resumed, self(), session(State1), maps:get(tocsin_old, State, <<>>)}),
    maps:remove(tocsin_old, State1).

presence({Presence, #{lserver := Host} = State}) ->
    report(tap(Host), {presence, self(), mod_tocsin_event:presence(Presence)}),
    {Presence, State}.

%% The host's process asks sessions that are older than itself. The hook exists only while it waits for answers.
asked(#{lserver := Host, jid := _, sid := _} = State, tocsin) ->
    report(tap(Host), {here, self(), session(State)}),
    {stop, State};
asked(State, tocsin) -> {stop, State};
asked(State, _) -> State.

%% Runs before unacknowledged messages are rerouted, bounced or dropped.
terminated(#{lserver := Host, sid := _, jid := _} = State, _) ->
    Tap = tap(Host),
    case State of
        #{mgmt_state := S, mgmt_queue := Queue} when S == active; S == pending; S == timeout ->
            report_all(Tap, <<"unacked">>, upto(infinity, Queue), State);
        _ -> ok
    end,
    report(Tap, {closed, self(), why(State)}),
    State;
terminated(State, _) -> State.

why(#{mgmt_state := resumed}) -> <<"moved">>;
why(#{mgmt_state := timeout}) -> <<"timeout">>;
why(#{replaced := true}) -> <<"replaced">>;
why(#{stop_reason := {stream, {out, _}}}) -> <<"kicked">>;
why(#{stop_reason := {stream, _}}) -> <<"left">>;
why(#{stop_reason := {Lost, _}}) when Lost == socket; Lost == tls -> <<"lost">>;
why(_) -> <<>>.

%% Key, full JID, user, stream management (and whether it is resumable), hibernating, presence.
session(#{jid := #jid{luser = U}} = State) ->
    {key(State), full(State), U,
     case State of
         #{mgmt_state := S, mgmt_timeout := Timeout} when S == active; S == pending -> {managed, Timeout > 0};
         _ -> none
     end,
     maps:get(mgmt_state, State, inactive) == pending,
     case State of
         #{pres_last := P} -> mod_tocsin_event:presence(P);
         _ -> none
     end}.

full(#{tocsin_jid := JID}) -> JID;
full(#{jid := JID}) -> jid:encode(JID).

key(#{tocsin_key := Key}) -> Key;
key(#{sid := {{A, B, C}, Pid}}) -> % without the pid's first number, which depends on the node that prints it
    [_, Id, Serial] = string:tokens(pid_to_list(Pid), "<.>"),
    iolist_to_binary([integer_to_list((A * 1000000 + B) * 1000000 + C, 36), $., Id, $., Serial |
                      case node(Pid) of
                          nonode@nohost -> [];
                          Node -> [$., integer_to_list(erlang:phash2(Node), 36)]
                      end]).

%%% Users

removed(User, Host) ->
    mod_tocsin_server:broadcast({forget, all}), % whoever registers the name next is somebody else
    report(tap(Host), mod_tocsin_event:event(<<"removed">>, [{<<"j">>, jid:encode(jid:make(User, Host))}])).

subscription_out(#presence{from = Owner, to = Contact} = Presence) -> standing_changed(Owner, Contact), Presence.

subscription_in(Acc, #presence{from = Contact, to = Owner}) -> standing_changed(Owner, Contact), Acc.

roster_item(#roster{us = {U, S}, jid = Contact} = Item, _) ->
    standing_changed(jid:make(U, S), jid:make(Contact)),
    Item.

standing_changed(#jid{lserver = Host} = Owner, Contact) -> mod_tocsin_server:standing_changed(tap(Host), Owner, Contact).

%% XEP-0490: the item's id is the JID of the chat, its payload has the stanza-id of the last displayed message.
displayed(Host, <<"urn:xmpp:mds:displayed:0">>, #jid{luser = U, lserver = Host} = Owner, #jid{luser = U, lserver = Host}, With, Payload) ->
    Tap = tap(Host),
    case Tap /= none andalso mod_tocsin_server:wants(Tap) band ?MDS /= 0 of
        true ->
            [report(Tap, mod_tocsin_event:event(<<"mds">>, [{<<"o">>, jid:encode(jid:remove_resource(Owner))}, {<<"with">>, With} |
                                                          [A || {K, _} = A <- Attrs, K == <<"id">> orelse K == <<"by">>]]))
             || #xmlel{children = Cs} <- Payload, #xmlel{name = <<"stanza-id">>, attrs = Attrs} <- Cs],
            ok;
        false -> ok
    end;
displayed(_, _, _, _, _, _) -> ok.

%%% The component

%% These run in the process of the component's stream, on the node that the component is connected to.
component_up(Component) -> mod_tocsin_server:broadcast({up, Component, self()}).

component_down(Component, _) -> mod_tocsin_server:broadcast({down, Component, self()}).

%% From 24.10 to 24.12 mod_privilege drops every IQ of a privileged component that is not wrapped, including its disco#info
%% result and its acknowledgements. This hides IQs to the host from mod_privilege.
component_sends({#iq{from = #jid{lserver = From}, to = #jid{lserver = Host}, sub_els = Els}, _} = Acc) ->
    case tap(Host) of
        #tap{component = From} ->
            case [El || El <- Els, xmpp:get_name(El) == <<"privileged_iq">>] of
                [] -> {stop, Acc};
                _ -> Acc
            end;
        _ -> Acc
    end;
component_sends(Acc) -> Acc.

config_reloaded() -> mod_tocsin_server:broadcast(config_reloaded).

%% The IQ is answered by the host's process, on the node concerned.
process_iq(#iq{type = set, from = #jid{luser = <<>>, lresource = <<>>, lserver = From}, to = #jid{lserver = Host},
               sub_els = [#xmlel{name = Name} = El]} = IQ) when Name == <<"ack">>; Name == <<"refresh">> ->
    case tap(Host) of
        #tap{component = From} -> mod_tocsin_server:request(Host, El, IQ), ignore;
        _ -> xmpp:make_error(IQ, xmpp:err_item_not_found())
    end;
process_iq(#iq{type = get, from = #jid{luser = <<>>, lresource = <<>>, lserver = From}, to = #jid{lserver = Host},
               sub_els = [#xmlel{name = <<"contact">>, attrs = Attrs}]} = IQ) ->
    case tap(Host) of
        #tap{component = From} -> spawn(fun() -> ejabberd_router:route(contact(Host, Attrs, IQ)) end), ignore; % may query a database
        _ -> xmpp:make_error(IQ, xmpp:err_item_not_found())
    end;
process_iq(IQ) -> xmpp:make_error(IQ, xmpp:err_item_not_found()).

%% Returns the user's roster name for a contact.
contact(Host, Attrs, IQ) ->
    O = proplists:get_value(<<"o">>, Attrs, <<>>),
    J = proplists:get_value(<<"j">>, Attrs, <<>>),
    try
        #jid{luser = U, lserver = Host} = jid:decode(O),
        Contact = jid:tolower(jid:decode(J)),
        Items = ejabberd_hooks:run_fold(roster_get, Host, [], [{U, Host}]),
        Names = [{<<"name">>, Name} || #roster_item{jid = Jid, name = Name} <- Items, jid:tolower(Jid) == Contact, Name /= <<>>],
        xmpp:make_iq_result(IQ, #xmlel{name = <<"contact">>, attrs = [{<<"xmlns">>, ?NS_TAP}, {<<"o">>, O}, {<<"j">>, J} | Names]})
    catch _:_ -> xmpp:make_error(IQ, xmpp:err_item_not_found())
    end.

decode_iq_subel(El) -> El.
