#!/bin/sh
# Compiles the module for the ejabberd on this machine: sh build.sh DIR writes the .beam files to DIR, sh build.sh DIR test also
# runs the unit tests. For an ejabberd that is not Debian's, set ERL=/opt/ejabberd-…/bin/erl or ERL_LIBS=/opt/ejabberd-…/lib.
set -eu
src=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || [ $# = 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
: "${ERL_LIBS=$(ls -d /usr/lib/*/ejabberd-*/ebin 2>/dev/null | head -n 1 | sed 's,/ejabberd-[^/]*/ebin$,,')}"
[ -z "$ERL_LIBS" ] || export ERL_LIBS
exec "${ERL:-erl}" -noinput -eval '
	[Src, Dir | Test] = init:get_plain_arguments(),
	Include = fun(App) -> case code:lib_dir(App) of {error, _} -> []; Lib -> [{i, filename:join(Lib, "include")}] end end,
	Options = [warn_all, warnings_as_errors, report, debug_info, {outdir, Dir}, {i, filename:join(Src, "include")} |
	           lists:flatmap(Include, [ejabberd, xmpp, p1_xmpp, fast_xml, p1_xml, p1_utils])],
	Compile = fun(Folder) ->
		Results = [compile:file(File, Options) || File <- filelib:wildcard(filename:join([Src, Folder, "*.erl"]))],
		lists:member(error, Results) andalso halt(1),
		[Module || {ok, Module} <- Results]
	end,
	Compile("src"),
	true = code:add_patha(Dir),
	Test == [] orelse eunit:test(Compile("test"), [verbose]) == ok orelse halt(1),
	halt(0)' -extra "$src" "$@"
