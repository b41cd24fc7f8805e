%%% The sender's standing in the recipient's roster (the subscription), as far as it is known without querying a database.
-module(mod_tocsin_standing).

-export([new/0, between/3, changed/3, report_change/4, forget/2]).

-include("xmpp.hrl").
-include("mod_tocsin.hrl").

-define(TTL, 60000000). % us; no hook reports changes of shared roster groups
-define(MAX_ENTRIES, 20000). % in the cache
-define(WRITE_DELAY, 300). % ms to wait until a change is in the roster

-type standings() :: ets:tid().
-export_type([standings/0]).

-spec new() -> standings().
new() -> ets:new(?MODULE, [private]).

%% The standing as an attribute, empty if unknown. Now is in microseconds.
-spec between(mod_tocsin_server:between(), integer(), standings()) -> [{binary(), binary()}].
between({FromUser, FromServer, U, S} = Key, Now, T) ->
    case ets:lookup(T, Key) of
        [{_, Until, Known}] when Until > Now -> Known;
        _ ->
            Known = attribute(lookup(U, S, FromUser, FromServer)),
            cache(Key, Now + ?TTL, Known, T),
            Known
    end.

cache(_, _, [], _) -> ok;
cache(Key, Until, Known, T) ->
    ets:info(T, size) < ?MAX_ENTRIES orelse ets:delete_all_objects(T),
    ets:insert(T, {Key, Until, Known}).

attribute(Standing) when Standing == both; Standing == from; Standing == to; Standing == none ->
    [{<<"ro">>, atom_to_binary(Standing, latin1)}];
attribute(_) -> [].

lookup(U, S, FromUser, FromServer) ->
    try gen_mod:is_loaded(S, mod_roster) andalso gen_mod:db_mod(S, mod_roster) of
        false -> unknown;
        mod_roster_mnesia -> read(U, S, jid:make(FromUser, FromServer));
        _ ->
            case ets_cache:lookup(roster_item_cache, {U, S, {FromUser, FromServer, <<>>}}) of
                {ok, {Standing, _, _}} -> Standing;
                _ ->
                    case ets_cache:lookup(roster_cache, {U, S}) of
                        {ok, _} -> none; % the whole roster is cached, and the sender is not in it
                        _ -> unknown
                    end
            end
    catch _:_ -> unknown
    end.

read(U, S, Contact) ->
    {Standing, _, _} = ejabberd_hooks:run_fold(roster_get_jid_info, S, {none, none, []}, [U, S, Contact]),
    Standing.

%% A roster item changes. Called before the change is written, and several times for one change.
-spec changed(jid(), jid(), standings()) -> ok.
changed(#jid{luser = U, lserver = S} = Owner, #jid{luser = FromUser, lserver = FromServer} = Contact, T) ->
    Key = {FromUser, FromServer, U, S},
    Changing = {changing, Key},
    case ets:insert_new(T, {Changing}) of
        true ->
            ets:insert(T, {Key, infinity, []}),
            erlang:send_after(?WRITE_DELAY, self(), {standing, Owner, Contact}),
            ok;
        false -> ok
    end.

%% Reports a changed standing. Reading it may query a database, so that is left to another process.
-spec report_change(jid(), jid(), #tap{} | none, standings()) -> ok.
report_change(#jid{luser = U, lserver = S} = Owner, #jid{luser = FromUser, lserver = FromServer} = Contact, Tap, T) ->
    Key = {FromUser, FromServer, U, S},
    ets:delete(T, {changing, Key}),
    ets:delete(T, Key),
    spawn(fun() ->
                  mod_tocsin_server:broadcast({forget, Key}), % other nodes did not see the change
                  mod_tocsin_server:report(Tap, mod_tocsin_event:event(<<"roster">>, [{<<"o">>, jid:encode(Owner)}, {<<"j">>, jid:encode(Contact)} |
                                                                                    attribute(read(U, S, Contact))]))
          end),
    ok.

-spec forget(all | mod_tocsin_server:between(), standings()) -> ok.
forget(all, T) -> ets:match_delete(T, {'_', '_', '_'}), ok;
forget(Key, T) -> ets:delete(T, Key), ok.
