%%% Saves unacknowledged events to a file when ejabberd stops. After the next start the run continues with them, so nothing is
%%% lost. The file is deleted as soon as it is read: after a crash it would continue the run from an earlier point.
-module(mod_tocsin_spool).

-export([save/3, load/3]).

-include("logger.hrl").

-define(FORMAT, 1). % of the file

-spec save(binary(), binary(), mod_tocsin_window:window()) -> ok.
save(Host, Run, W) ->
    File = file(Host),
    New = File ++ ".new",
    Saved = {?FORMAT, Run, mod_tocsin_window:pack(erlang:time_offset(microsecond), W)},
    Steps = [fun() -> file:write_file(New, <<>>) end,
             fun() -> file:change_mode(New, 8#600) end, % it may contain messages' texts
             fun() -> file:write_file(New, term_to_binary(Saved)) end,
             fun() -> file:rename(New, File) end],
    case lists:foldl(fun(Step, ok) -> Step(); (_, Error) -> Error end, ok, Steps) of
        ok -> ok;
        {error, Reason} -> ?ERROR_MSG("cannot save unacknowledged events to ~ts: ~ts", [New, file:format_error(Reason)])
    end.

%% Reads this node's saved run, if there is one. The names of the node's runs begin with Prefix; Limit is the window's, in bytes.
-spec load(binary(), binary(), pos_integer()) -> {binary(), mod_tocsin_window:window()} | none.
load(Host, Prefix, Limit) ->
    File = file(Host),
    case file:read_file(File) of
        {ok, Bin} ->
            Read = try
                       {?FORMAT, <<Prefix:(byte_size(Prefix))/binary, _/binary>> = Run, Packed} = binary_to_term(Bin, [safe]),
                       {Run, mod_tocsin_window:unpack(erlang:time_offset(microsecond), Limit, Packed)}
                   catch _:_ -> bad
                   end,
            case {file:delete(File), Read} of
                {ok, {_, _}} -> Read;
                {ok, bad} ->
                    ?WARNING_MSG("ignoring ~ts: not a run of this node, or damaged", [File]),
                    none;
                {{error, Reason}, _} -> % the next start would load it again
                    ?ERROR_MSG("cannot delete ~ts, so its events are not sent: ~ts", [File, file:format_error(Reason)]),
                    none
            end;
        {error, enoent} -> none;
        {error, Reason} ->
            ?ERROR_MSG("cannot read ~ts: ~ts", [File, file:format_error(Reason)]),
            none
    end.

file(Host) -> filename:join(mnesia:system_info(directory), "mod_tocsin." ++ binary_to_list(Host) ++ ".kept").
