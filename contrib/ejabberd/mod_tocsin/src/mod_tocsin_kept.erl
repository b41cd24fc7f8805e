%%% Keeps what was not acknowledged when ejabberd was stopped in a file until it is started again: the run continues then,
%%% and nothing is lost. The file is removed as soon as it is read, so a run that is killed later does not restart at an
%%% earlier point.
-module(mod_tocsin_kept).

-export([save/3, load/3]).

-include("logger.hrl").

-define(FORM, 1). % of what is in the file

-spec save(binary(), binary(), mod_tocsin_window:window()) -> ok.
save(Host, Run, W) ->
    File = file(Host),
    New = File ++ ".new",
    Kept = {?FORM, Run, mod_tocsin_window:pack(erlang:time_offset(microsecond), W)},
    Steps = [fun() -> file:write_file(New, <<>>) end,
             fun() -> file:change_mode(New, 8#600) end, % it may hold texts
             fun() -> file:write_file(New, term_to_binary(Kept)) end,
             fun() -> file:rename(New, File) end],
    case lists:foldl(fun(Step, ok) -> Step(); (_, Error) -> Error end, ok, Steps) of
        ok -> ok;
        {error, Reason} -> ?ERROR_MSG("~ts: events can't be kept: ~ts", [New, file:format_error(Reason)])
    end.

%% The kept run of this node, if there is one. Prefix is the prefix of the node's runs, Limit that of the window.
-spec load(binary(), binary(), pos_integer()) -> {binary(), mod_tocsin_window:window()} | none.
load(Host, Prefix, Limit) ->
    File = file(Host),
    case file:read_file(File) of
        {ok, Bin} ->
            Read = try
                       {?FORM, <<Prefix:(byte_size(Prefix))/binary, _/binary>> = Run, Packed} = binary_to_term(Bin, [safe]),
                       {Run, mod_tocsin_window:unpack(erlang:time_offset(microsecond), Limit, Packed)}
                   catch _:_ -> bad
                   end,
            case {file:delete(File), Read} of
                {ok, {_, _}} -> Read;
                {ok, bad} ->
                    ?WARNING_MSG("~ts holds nothing that can be taken up", [File]),
                    none;
                {{error, Reason}, _} -> % it would be taken up again and again
                    ?ERROR_MSG("~ts can't be deleted: ~ts", [File, file:format_error(Reason)]),
                    none
            end;
        {error, enoent} -> none;
        {error, Reason} ->
            ?ERROR_MSG("~ts can't be read: ~ts", [File, file:format_error(Reason)]),
            none
    end.

file(Host) -> filename:join(mnesia:system_info(directory), "mod_tocsin." ++ binary_to_list(Host) ++ ".kept").
