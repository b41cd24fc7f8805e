%%% Writes events of urn:tocsin:tap:1 (docs/PROTOCOL.md, section 10). Pure functions.
-module(mod_tocsin_event).

-export([kind/1, is_replay/1, describe/2, event/2, message/6, presence/1, attributes/1, verbatim/0, verbatim/1]).

-include("xmpp.hrl").
-include("mod_tocsin.hrl").

-define(NS_CLIENT_OR_NONE(NS), (NS == <<>> orelse NS == <<"jabber:client">> orelse NS == <<"jabber:server">>)).
-define(EMPTY(Name), {<<Name>>, <<"<" Name "/>">>}). % a payload without attributes
-define(MAX_PAYLOADS, 64).
-define(MAX_TEXT, 16384). % bytes of a body
-define(MAX_EVENT, 122880). % bytes of an event

%% Flags of a message, set by its payloads.
-define(CIPHER, 1). % encrypted
-define(NO_STORE, 4).
-define(REPEATABLE, 8). % delays or errors: there may be several, and one is reported

%% Payloads that only annotate the message they are in. A message with nothing else is not reported.
-define(ANNOTATIONS, [<<"rq">>, <<"mk">>, <<"oi">>, <<"si">>, <<"ns">>, <<"dl">>, <<"fb">>, <<"ur">>, <<"tr">>]).

-type kind() :: text | other | error | none. % text: has a body or a ciphertext
%% What stands after the name begins with the attributes.
-type event() :: {Name :: binary(), Elements :: pos_integer(), AfterName :: binary()}.
-export_type([kind/0, event/0]).

%% A cheap classification. none only sorts out chat states, the one frequent kind that is never reported; describe/2 decides
%% about the rest.
-spec kind(message()) -> kind().
kind(#message{type = error}) -> error;
kind(#message{body = [_ | _]}) -> text;
kind(#message{subject = [_ | _]}) -> other;
kind(#message{sub_els = Els}) -> kind(Els, none).

kind([], Kind) -> Kind;
kind([#xmlel{attrs = [{<<"xmlns">>, <<"http://jabber.org/protocol/chatstates">>} | _]} | Els], Kind) -> kind(Els, Kind);
kind([#xmlel{name = Name} | _], _) when Name == <<"encrypted">>; Name == <<"openpgp">>; Name == <<"encryption">> -> text;
kind([#xmlel{name = <<"x">>, attrs = [{<<"xmlns">>, <<"jabber:x:encrypted">>} | _]} | _], _) -> text;
kind([#chatstate{} | Els], Kind) -> kind(Els, Kind);
kind([_ | Els], _) -> kind(Els, other).

%% Whether the message has a delay stamp.
-spec is_replay(message()) -> boolean().
is_replay(#message{sub_els = Els}) ->
    lists:any(fun(El) -> lists:member(xmpp:get_ns(El), [<<"urn:xmpp:delay">>, <<"jabber:x:delay">>]) end, Els).

%% The payloads to report and their number, or none if the message is not reported.
-spec describe(message(), non_neg_integer()) -> {pos_integer(), iodata()} | none.
describe(#message{body = Body, subject = Subject, sub_els = Els} = M, Wants) ->
    case payloads(Els, M, Wants, ?MAX_PAYLOADS, [], 0) of
        never -> none;
        {Ps, Marks} ->
            case Body == [] andalso (Subject == [] andalso only(?ANNOTATIONS, Ps) orelse Wants band ?NO_REACTIONS /= 0 andalso only([<<"rx">>], Ps)) of
                true -> none;
                false ->
                    All = body(M, Wants, Marks) ++ subject(Subject) ++ pick_one(Ps, Marks, M),
                    {length(All), [element(2, P) || P <- All]}
            end
    end.

only(Names, Ps) -> lists:all(fun(P) -> lists:member(element(1, P), Names) end, Ps).

%% Restores the order of payloads (they were collected last first). Keeps the last error, and of several delays the first
%% that marks a replay, or else the first.
pick_one(Ps, Marks, _) when Marks band ?REPEATABLE == 0 -> lists:reverse(Ps);
pick_one(Ps, _, #message{from = From, to = To}) ->
    Errors = [P || {<<"er">>, _} = P <- Ps],
    Others = [P || {Name, _} = P <- Ps, Name /= <<"er">>],
    Delays = [P || {<<"dl">>, _, By} = P <- lists:reverse(Ps), not own(By, From)],
    Replays = [P || {_, _, By} = P <- Delays, replay(By, From, To)],
    lists:reverse(Others) ++ lists:sublist(Replays ++ Delays, 1) ++ lists:sublist(Errors, 1).

own(By, #jid{} = From) -> By == jid:encode(From) orelse By == jid:encode(jid:remove_resource(From));
own(_, undefined) -> false.

%% Stamped by the server of either side, or by the recipient's account.
replay(By, #jid{lserver = S1}, #jid{lserver = S2} = To) -> By == S1 orelse By == S2 orelse By == jid:encode(jid:remove_resource(To));
replay(_, _, _) -> false.

subject([]) -> [];
subject(_) -> [?EMPTY("su")].

%%% Text

body(#message{body = []}, _, _) -> [];
body(#message{type = Type, lang = Lang, body = [#text{data = Text, lang = L} | _]}, Wants, Marks) ->
    Withheld = Type == error orelse Wants band ?NO_TEXT /= 0 orelse Marks band (?CIPHER bor ?NO_STORE) /= 0,
    if Withheld; Text == <<>> -> [el(<<"body">>, [{<<"is">>, is(Text)}])];
       true -> [{<<"body">>, [<<"<body">>, attributes([{<<"xml:lang">>, L} || L /= Lang, is_language(L)]), $>, escape(cut(Text), text), <<"</body>">>]}]
    end.

is_language(L) -> L /= <<>> andalso byte_size(L) =< 35. % RFC 5646, section 4.4.1

%% Cuts a text between characters.
cut(Text) when byte_size(Text) =< ?MAX_TEXT -> Text;
cut(Text) -> binary:copy(binary:part(Text, 0, boundary(Text, ?MAX_TEXT))).

boundary(Text, At) ->
    case binary:at(Text, At) band 16#C0 of
        16#80 -> boundary(Text, At - 1);
        _ -> At
    end.

is(<<"?OTR", _/binary>> = Text) ->
    case otr(Text) of
        true -> <<"otr">>;
        false -> <<"otr-auto">>
    end;
is(Text) ->
    case blank(Text) of
        true -> <<"blank">>;
        false -> <<"text">>
    end.

%% An OTR data message (type 3, protocol versions 2 to 4), complete or the first fragment of one.
otr(<<"?OTR:AA", V, "D", _/binary>>) -> V == $I orelse V == $M orelse V == $Q;
otr(<<"?OTR", C, Rest/binary>>) when C == $,; C == $| ->
    case binary:match(Rest, <<"?OTR:">>, [{scope, {0, min(byte_size(Rest), 64)}}]) of
        {At, _} -> otr(binary:part(Rest, At, byte_size(Rest) - At));
        nomatch -> false
    end;
otr(_) -> false.

blank(<<C/utf8, Rest/binary>>)
  when C == $\s; C >= $\t, C =< $\r; C == 16#85; C == 16#A0; C == 16#AD; C == 16#1680; C == 16#180E; C >= 16#2000, C =< 16#200F;
       C >= 16#2028, C =< 16#202F; C >= 16#205F, C =< 16#2064; C == 16#3000; C == 16#FEFF ->
    blank(Rest);
blank(Rest) -> Rest == <<>>.

%%% Payloads

payloads([], _, _, _, Ps, Marks) -> {Ps, Marks};
payloads([El | Els], #message{type = Type, id = Id, to = To} = M, Wants, Left, Ps, Marks) ->
    #xmlel{name = Name, attrs = Attrs, children = Children} = xml(El),
    case payload(xmlns(Attrs), Name, Attrs, Children) of
        never -> never;
        {marked, P, Mark} -> payloads(Els, M, Wants, Left - 1, put(P, Left, Ps), Marks bor Mark);
        {<<"x">>, _} when Type == error -> payloads(Els, M, Wants, Left, Ps, Marks); % a copy of the original's payload
        {<<"si">>, _} when Wants band ?IDS == 0 -> payloads(Els, M, Wants, Left, Ps, Marks);
        {<<"si">>, _} = P ->
            case attr(<<"by">>, Attrs) == jid:encode(jid:remove_resource(To)) of
                true -> payloads(Els, M, Wants, Left - 1, put(P, Left, Ps), Marks);
                false -> payloads(Els, M, Wants, Left, Ps, Marks)
            end;
        {<<"oi">>, _} = P ->
            case attr(<<"id">>, Attrs) of
                Id -> payloads(Els, M, Wants, Left, Ps, Marks);
                _ -> payloads(Els, M, Wants, Left - 1, put(P, Left, Ps), Marks)
            end;
        {_, _} = P -> payloads(Els, M, Wants, Left - 1, put(P, Left, Ps), Marks);
        skip -> payloads(Els, M, Wants, Left, Ps, Marks)
    end.

put(P, Left, Ps) when Left > 0 -> [P | Ps];
put(_, _, Ps) -> Ps.

%% Payloads from users are not decoded yet; those generated by the server are records.
xml(#xmlel{} = El) -> El;
xml(El) -> xmpp:encode(El).

payload(<<"http://jabber.org/protocol/chatstates">>, _, _, _) -> skip;
payload(<<"urn:xmpp:receipts">>, <<"request">>, _, _) -> ?EMPTY("rq");
payload(<<"urn:xmpp:receipts">>, <<"received">>, A, _) -> named(<<"rc">>, A);
payload(<<"urn:xmpp:chat-markers:0">>, <<"markable">>, _, _) -> ?EMPTY("mk");
payload(<<"urn:xmpp:chat-markers:0">>, <<"received">>, A, _) -> named(<<"mr">>, A);
payload(<<"urn:xmpp:chat-markers:0">>, <<"displayed">>, A, _) -> named(<<"md">>, A);
payload(<<"urn:xmpp:chat-markers:0">>, <<"acknowledged">>, A, _) -> named(<<"ma">>, A);
payload(<<"urn:xmpp:sid:0">>, <<"origin-id">>, A, _) -> named(<<"oi">>, A);
payload(<<"urn:xmpp:sid:0">>, <<"stanza-id">>, A, _) -> named(<<"si">>, A, [<<"by">>]);
payload(<<"urn:xmpp:sid:0">>, _, _, _) -> skip;
payload(<<"urn:xmpp:hints">>, <<"no-store">>, _, _) -> {marked, ?EMPTY("ns"), ?NO_STORE};
payload(<<"urn:xmpp:hints">>, _, _, _) -> skip;
payload(<<"urn:xmpp:reply:0">>, <<"reply">>, A, _) -> named(<<"re">>, A, [<<"to">>]);
payload(<<"urn:xmpp:reactions:0">>, <<"reactions">>, A, Cs) ->
    N = length([C || #xmlel{name = <<"reaction">>} = C <- Cs]),
    named(<<"rx">>, [{<<"id">>, attr(<<"id">>, A)}, {<<"n">>, integer_to_binary(N)}], [<<"n">>]);
payload(<<"urn:xmpp:message-correct:0">>, <<"replace">>, A, _) -> named(<<"cr">>, A);
payload(<<"urn:xmpp:message-retract:1">>, <<"retract">>, A, Cs) ->
    case child(<<"moderated">>, Cs) of
        false -> named(<<"rt">>, A);
        _ -> skip
    end;
payload(<<"urn:xmpp:fasten:0">>, <<"apply-to">>, A, Cs) ->
    case child(<<"retract">>, Cs) of
        #xmlel{} -> named(<<"rt">>, A);
        false -> skip
    end;
payload(<<"urn:xmpp:fallback:0">>, <<"fallback">>, A, Cs) -> fallback(A, Cs);
payload(<<"eu.siacs.conversations.axolotl">>, <<"encrypted">>, _, Cs) -> omemo(<<"om">>, Cs);
payload(<<"urn:xmpp:omemo:2">>, <<"encrypted">>, _, Cs) -> omemo(<<"om2">>, Cs);
payload(<<"urn:xmpp:omemo:1">>, <<"encrypted">>, _, Cs) -> omemo(<<"om2">>, Cs);
payload(<<"urn:xmpp:openpgp:0">>, <<"openpgp">>, _, _) -> {marked, ?EMPTY("ox"), ?CIPHER};
payload(<<"jabber:x:encrypted">>, <<"x">>, _, _) -> {marked, ?EMPTY("pg"), ?CIPHER};
payload(<<"urn:xmpp:eme:0">>, <<"encryption">>, A, _) -> {marked, el(<<"em">>, pick([<<"namespace">>], A)), ?CIPHER};
payload(<<"urn:xmpp:delay">>, <<"delay">>, A, _) -> delay(A);
payload(<<"jabber:x:delay">>, <<"x">>, A, _) -> delay(A);
payload(<<"urn:xmpp:jingle-message:0">>, Name, _, _) -> el(<<"jm">>, [{<<"n">>, Name}]);
payload(<<"urn:tocsin:escalation:0">>, <<"track">>, A, _) ->
    el(<<"tr">>, [{K, V} || {K, V} <- A, K /= <<"xmlns">>, binary:match(K, <<":">>) == nomatch]);
payload(<<"http://jabber.org/protocol/shim">>, <<"headers">>, _, Cs) -> urgency(Cs);
payload(<<"urn:xmpp:forward:0">>, <<"forwarded">>, _, _) -> ?EMPTY("fw");
payload(<<"http://jabber.org/protocol/nick">>, _, _, _) -> skip;
payload(<<"http://jabber.org/protocol/address">>, _, _, _) -> skip;
payload(<<"urn:xmpp:carbons:2">>, <<"private">>, _, _) -> skip;
payload(<<"urn:xmpp:carbons:2">>, _, _, _) -> never;
payload(<<"urn:xmpp:carbons:1">>, _, _, _) -> never;
payload(<<"urn:xmpp:mam:", _/binary>>, <<"result">>, _, _) -> never;
payload(<<"http://jabber.org/protocol/pubsub#event">>, _, _, _) -> never;
payload(<<"http://jabber.org/protocol/muc#user">>, _, _, _) -> never;
payload(NS, <<"error">>, A, Cs) when ?NS_CLIENT_OR_NONE(NS) -> failure(A, Cs);
payload(NS, Name, _, _) when ?NS_CLIENT_OR_NONE(NS), Name == <<"thread">>; ?NS_CLIENT_OR_NONE(NS), Name == <<"body">> -> skip;
payload(_, _, _, _) -> ?EMPTY("x").

omemo(Name, Cs) -> {marked, el(Name, [{<<"payload">>, <<"1">>} || child(<<"payload">>, Cs) /= false]), ?CIPHER}.

%% XEP-0428: the fallback covers the body, or the whole message.
fallback(A, Cs) ->
    For = pick([<<"for">>], A),
    case {child(<<"body">>, Cs), [C || #xmlel{} = C <- Cs]} of
        {#xmlel{attrs = Range}, _} -> el(<<"fb">>, For ++ pick([<<"start">>, <<"end">>], Range));
        {false, []} -> el(<<"fb">>, For);
        {false, _} -> skip
    end.

urgency(Cs) ->
    case [{<<"v">>, fxml:get_cdata(H)} || #xmlel{name = <<"header">>, attrs = A, children = H} <- Cs, attr(<<"name">>, A) == <<"Urgency">>] of
        [V | _] -> el(<<"ur">>, [V]);
        [] -> skip
    end.

failure(A, Cs) ->
    Condition = [{<<"c">>, Name} || #xmlel{name = Name, attrs = As} <- Cs, Name /= <<"text">>,
                                    xmlns(As) == <<"urn:ietf:params:xml:ns:xmpp-stanzas">>],
    {marked, el(<<"er">>, pick([<<"type">>, <<"by">>], A) ++ lists:sublist(Condition, 1)), ?REPEATABLE}.

delay(A) ->
    {Name, Text} = el(<<"dl">>, pick([<<"from">>, <<"stamp">>], A)),
    {marked, {Name, Text, attr(<<"from">>, A)}, ?REPEATABLE}.

%% A payload: its name and its text.
el(Name, Attrs) -> {Name, [$<, Name, attributes(Attrs), <<"/>">>]}.

%% An element that refers to another stanza by its id.
named(Name, Attrs) -> named(Name, Attrs, []).
named(Name, Attrs, More) ->
    case attr(<<"id">>, Attrs) of
        Id when Id /= <<>>, byte_size(Id) =< ?MAX_ID -> el(Name, [{<<"id">>, Id} | pick(More, Attrs)]);
        _ -> skip
    end.

pick(Names, Attrs) -> [A || {Name, V} = A <- Attrs, V /= <<>>, lists:member(Name, Names)].

child(Name, Cs) ->
    case [C || #xmlel{name = N} = C <- Cs, N == Name] of
        [C | _] -> C;
        [] -> false
    end.

xmlns(Attrs) -> attr(<<"xmlns">>, Attrs).

attr(Name, Attrs) ->
    case lists:keyfind(Name, 1, Attrs) of
        {_, V} -> V;
        false -> <<>>
    end.

%%% Events

-spec event(binary(), [{binary(), binary()}]) -> event() | too_large.
event(Name, Attrs) -> event(Name, 1, [attributes([A || {_, V} = A <- Attrs, V /= <<>>]), <<"/>">>]).

event(Name, Elements, AfterName) ->
    Text = iolist_to_binary(AfterName),
    if byte_size(Text) =< ?MAX_EVENT -> {Name, Elements, Text};
       true -> too_large
    end.

%% An out, in or bounce event; none if the message is not reported. Known is what the server adds to it. An event that is too large
%% loses the message's text.
-spec message(binary(), binary(), kind(), message(), non_neg_integer(), [{binary(), binary()}]) -> event() | none | too_large.
message(Name, From, Kind, #message{type = Type, id = Id, lang = Lang, to = To} = M, Wants, Known) ->
    case describe(M, Wants) of
        none -> none;
        {N, Payloads} ->
            Attrs = attributes(Known ++ [{<<"f">>, From}, {<<"t">>, jid:encode(To)}] ++
                                   [{<<"i">>, Id} || Id /= <<>>, byte_size(Id) =< ?MAX_ID] ++
                                   [{<<"y">>, atom_to_binary(Type, latin1)} || Type /= chat, Name /= <<"bounce">>] ++
                                   [{<<"l">>, Lang} || Kind == text, is_language(Lang)]),
            case event(Name, 1 + N, [Attrs, $>, Payloads, <<"</">>, Name, $>]) of
                too_large when Wants band ?NO_TEXT == 0 -> message(Name, From, Kind, M, Wants bor ?NO_TEXT, Known);
                Event -> Event
            end
    end.

%% The attributes of presence and here that describe a client's presence.
-spec presence(presence() | undefined) -> [{binary(), binary()}].
presence(#presence{type = unavailable}) -> [{<<"y">>, <<"unavailable">>}];
presence(#presence{show = Show, priority = Priority} = P) ->
    [{<<"show">>, atom_to_binary(Show, latin1)} || Show /= undefined] ++
        [{<<"prio">>, integer_to_binary(Priority)} || is_integer(Priority), Priority /= 0] ++
        try xmpp:get_subtag(P, #caps{}) of
            #caps{node = Node, version = Ver, hash = Hash} -> [{<<"node">>, Node}, {<<"ver">>, Ver}, {<<"hash">>, Hash}];
            _ -> []
        catch _:_ -> []
        end.

%%% Text

-spec attributes([{binary(), binary()}]) -> iolist().
attributes(Attrs) -> [[$\s, K, <<"='">>, escape(V, attribute), $'] || {K, V} <- Attrs].

escape(Text, In) ->
    case is_plain(Text) of
        true -> Text;
        false -> << <<(escaped(C, In))/binary>> || <<C>> <= Text >>
    end.

is_plain(<<C, Rest/binary>>) when C > $> -> is_plain(Rest); % most characters
is_plain(<<C, _/binary>>) when C < $\s; C == $<; C == $>; C == $&; C == $'; C == $" -> false;
is_plain(<<_, Rest/binary>>) -> is_plain(Rest);
is_plain(<<>>) -> true.

escaped($<, _) -> <<"&lt;">>;
escaped($>, _) -> <<"&gt;">>;
escaped($&, _) -> <<"&amp;">>;
escaped($', _) -> <<"&apos;">>;
escaped($", _) -> <<"&quot;">>;
escaped($\r, _) -> <<"&#13;">>; % parsers read it as a line feed
escaped($\n, attribute) -> <<"&#10;">>; % and these two, in attributes, as spaces
escaped($\t, attribute) -> <<"&#9;">>;
escaped(C, _) -> <<C>>.

%% Puts serialized events into the stream without parsing them. Element names are written without escaping, so the text is
%% passed as the name of an empty element, <NAME/>. The text therefore has to end with an empty element; if it does not, <end/>
%% is appended.
-spec verbatim(binary()) -> fxml:xmlel().
verbatim(Text) ->
    Size = byte_size(Text),
    case binary:part(Text, Size, -2) of
        <<"/>">> -> #xmlel{name = binary:part(Text, 1, Size - 3)};
        _ -> #xmlel{name = <<(binary:part(Text, 1, Size - 1))/binary, "<end">>}
    end.

%% Whether names are written without escaping, and empty elements as <NAME/>.
-spec verbatim() -> boolean().
verbatim() -> fxml:element_to_binary(verbatim(<<"<a b='c'>d</a>">>)) == <<"<a b='c'>d</a><end/>">>.
