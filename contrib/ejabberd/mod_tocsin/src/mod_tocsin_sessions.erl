%%% The sessions of a host on this node, and the number of sessions of each user.
-module(mod_tocsin_sessions).

-export([new/1, users/1, handle/2, down/3, here/4, count/2]).

-include("xmpp.hrl").

-record(session, {pid :: pid(), monitor :: reference(), key :: binary(), jid :: binary(), user :: binary(),
                  managed = none :: none | {managed, Resumable :: boolean()}, hibernates = false :: boolean(),
                  presence = none :: none | [{binary(), binary()}]}).

-record(sessions, {table :: ets:tid(), users :: atom()}).

-opaque sessions() :: #sessions{}.
-export_type([sessions/0]).

-spec new(binary()) -> sessions().
new(Host) ->
    #sessions{table = ets:new(?MODULE, [ordered_set, private, {keypos, #session.pid}]),
              users = ets:new(gen_mod:get_module_proc(Host, ?MODULE), [named_table, protected, {read_concurrency, true}])}.

%% The table of the users' session counts, readable by every process.
-spec users(sessions()) -> atom().
users(#sessions{users = Users}) -> Users.

%% Updates the table for a change reported by a hook, and returns the events to report. Changes of unknown sessions are
%% ignored: these have been asked for their state, and a here follows.
-spec handle(tuple(), sessions()) -> [mod_tocsin_event:event() | too_large].
handle({opened, Pid, What}, S) -> [event_of(<<"opened">>, open(Pid, What, S), [])];
handle({resumed, Pid, What, Old}, S) -> [event_of(<<"resumed">>, open(Pid, What, S), [{<<"o">>, Old}])];
handle({here, Pid, What}, #sessions{table = T} = S) ->
    case ets:member(T, Pid) of
        true -> [];
        false -> [here_event(open(Pid, What, S), true)]
    end;
handle({What, Pid}, S) -> update(What, Pid, none, S);
handle({What, Pid, Value}, S) -> update(What, Pid, Value, S).

update(What, Pid, Value, #sessions{table = T} = S) ->
    case ets:lookup(T, Pid) of
        [Session] -> change(What, Value, Session, S);
        [] -> []
    end.

-spec down(reference(), pid(), sessions()) -> [mod_tocsin_event:event() | too_large].
down(Ref, Pid, #sessions{table = T} = S) -> % killed, so no hook ran
    case ets:lookup(T, Pid) of
        [#session{monitor = Ref} = Session] -> change(closed, <<>>, Session, S);
        _ -> []
    end.

change(managed, _, #session{managed = {managed, _}}, _) -> [];
change(managed, Resumable, Session, S) ->
    [event_of(<<"managed">>, store(Session, Session#session{managed = {managed, Resumable}}, S),
                [{<<"r">>, <<"1">>} || Resumable])];
change(hibernating, _, Session, S) -> [event_of(<<"hibernating">>, store(Session, Session#session{hibernates = true}, S), [])];
change(presence, Attrs, Session, S) ->
    Shown = case Attrs of [{<<"y">>, _} | _] -> none; _ -> Attrs end,
    [event_of(<<"presence">>, store(Session, Session#session{presence = Shown}, S), Attrs)];
change(closed, Why, #session{pid = Pid, monitor = Ref} = Session, #sessions{table = T} = S) ->
    demonitor(Ref, [flush]),
    ets:delete(T, Pid),
    add(Session, -1, S),
    [event_of(<<"closed">>, Session, [{<<"why">>, Why}])].

open(Pid, {Key, JID, User, Managed, Hibernates, Presence}, #sessions{table = T} = S) ->
    case ets:lookup(T, Pid) of
        [Old] -> change(closed, <<>>, Old, S);
        [] -> ok
    end,
    store(none, #session{pid = Pid, monitor = monitor(process, Pid), key = Key, jid = JID, user = User, managed = Managed,
                         hibernates = Hibernates, presence = Presence}, S).

store(Old, New, #sessions{table = T} = S) ->
    ets:insert(T, New),
    Old == none orelse add(Old, -1, S),
    add(New, 1, S),
    New.

add(#session{user = User, managed = Managed, hibernates = Hibernates}, N, #sessions{users = Users}) ->
    Sum = ets:update_counter(Users, User, [{2, N}, {3, if Managed == none -> 0; true -> N end}, {4, if Hibernates -> N; true -> 0 end}],
                             {User, 0, 0, 0}),
    Sum == [0, 0, 0] andalso ets:delete(Users, User).

%% The here events of the next N sessions, from the first or after {next, Pid}, and where to continue.
-spec here(pos_integer(), first | {next, pid()}, boolean(), sessions()) -> {[mod_tocsin_event:event() | too_large], done | {next, pid()}}.
here(N, first, Presence, #sessions{table = T} = S) -> here(N, ets:first(T), Presence, S, []);
here(N, {next, Pid}, Presence, #sessions{table = T} = S) -> here(N, ets:next(T, Pid), Presence, S, []).

here(_, '$end_of_table', _, _, Events) -> {lists:reverse(Events), done};
here(N, Pid, Presence, #sessions{table = T} = S, Events) ->
    [Session] = ets:lookup(T, Pid),
    Events1 = [here_event(Session, Presence) | Events],
    if N > 1 -> here(N - 1, ets:next(T, Pid), Presence, S, Events1);
       true -> {lists:reverse(Events1), {next, Pid}}
    end.

here_event(#session{managed = Managed, hibernates = Hibernates, presence = Shown} = Session, Presence) ->
    event_of(<<"here">>, Session,
               case Managed of
                   none -> [];
                   {managed, Resumable} -> [{<<"sm">>, <<"1">>} | [{<<"r">>, <<"1">>} || Resumable]]
               end ++ [{<<"hib">>, <<"1">>} || Hibernates] ++
                   case Shown of
                       Attrs when is_list(Attrs), Presence -> [{<<"p">>, <<"1">>} | Attrs];
                       _ -> []
                   end).

event_of(Name, #session{jid = JID, key = Key}, Attrs) -> mod_tocsin_event:event(Name, [{<<"s">>, JID}, {<<"k">>, Key} | Attrs]).

%% Session counts of a user as attributes. None in a cluster, where no node knows all sessions.
-spec count(binary(), atom()) -> [{binary(), binary()}].
count(User, Users) ->
    case nodes() == [] andalso ets:lookup(Users, User) of
        [{_, N, Managed, Hibernate}] ->
            [{K, integer_to_binary(V)} || {K, V} <- [{<<"ss">>, N}, {<<"sm">>, Managed}, {<<"hib">>, Hibernate}], V > 0];
        [] -> [{<<"ss">>, <<"0">>}];
        false -> []
    end.
