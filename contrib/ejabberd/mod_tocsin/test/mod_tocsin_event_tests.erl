-module(mod_tocsin_event_tests).

-compile([export_all, nowarn_export_all]). % EUnit finds functions by name; eunit.hrl is not installed everywhere
-include("xmpp.hrl").
-include("mod_tocsin.hrl").

%% The kind of a message, and its event as text.
reported(M) ->
    Kind = mod_tocsin_event:kind(M),
    case mod_tocsin_event:message(<<"out">>, <<"a@h/r">>, Kind, M, 0, []) of
        none -> none;
        {Name, _, AfterName} -> {Kind, <<"<", Name/binary, AfterName/binary>>}
    end.

payloads(M) -> payloads(M, 0).
payloads(M, Wants) ->
    case mod_tocsin_event:describe(M, Wants) of
        none -> none;
        {_, Payloads} -> iolist_to_binary(Payloads)
    end.

message(Xml) ->
    #message{type = chat, id = <<"m1">>, from = jid:decode(<<"a@h/r">>), to = jid:decode(<<"b@h">>), sub_els = elements(Xml)}.
message(Body, Xml) -> (message(Xml))#message{body = [#text{data = Body}]}.

elements(Xml) ->
    #xmlel{children = Els} = fxml_stream:parse_element(<<"<m>", Xml/binary, "</m>">>),
    Els.

setup_test_() ->
    {setup, fun() -> [application:ensure_all_started(App) || App <- [p1_xml, fast_xml, stringprep, p1_stringprep, xmpp, p1_xmpp]] end,
     [{"kinds", fun kinds/0}, {"messages", fun messages/0}, {"payloads", fun each_payload/0}, {"not reported", fun not_reported/0}, {"text", fun text/0},
      {"several", fun several/0}, {"hostile", fun hostile/0}, {"wants", fun wants/0}, {"events", fun events/0}]}.

messages() ->
    equal({text, <<"<out f='a@h/r' t='b@h' i='m1'><body>Hi &amp; bye</body><rq/><mk/></out>">>},
                 reported(message(<<"Hi & bye">>, <<"<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>"
                                                "<markable xmlns='urn:xmpp:chat-markers:0'/>">>))),
    equal({other, <<"<out f='a@h/r' t='b@h' i='m1'><rc id='x'/></out>">>},
                 reported(message(<<"<received xmlns='urn:xmpp:receipts' id='x'/>">>))),
    M = message(<<"Hi">>, <<>>),
    equal({text, <<"<out f='a@h/r' t='b@h' i='m1' y='normal' l='en'><body xml:lang='de'>Hi</body></out>">>},
                 reported(M#message{type = normal, lang = <<"en">>, body = [#text{lang = <<"de">>, data = <<"Hi">>}]})),
    equal({text, <<"<out f='a@h/r' t='b@h' i='m1' l='en'><body>Hi</body></out>">>},
                 reported(M#message{lang = <<"en">>, body = [#text{lang = <<"en">>, data = <<"Hi">>}]})),
    equal({text, <<"<out f='a@h/r' t='b@h' i='m1'><body>Hi</body></out>">>},
                 reported(M#message{lang = binary:copy(<<"x">>, 36), body = [#text{lang = binary:copy(<<"y">>, 36), data = <<"Hi">>}]})),
    equal({other, <<"<out f='a@h/r' t='b@h' i='m1'><rc id='x'/></out>">>},
                 reported((message(<<"<received xmlns='urn:xmpp:receipts' id='x'/>">>))#message{lang = <<"en">>})),
    equal({error, <<"<out f='a@h/r' t='b@h' i='m1' y='error'><body is='text'/></out>">>}, reported(M#message{type = error, lang = <<"en">>})),
    equal({text, <<"<out f='a@h/r' t='b@h'><body>Hi</body></out>">>}, reported(M#message{id = binary:copy(<<"x">>, 1025)})).

kinds() ->
    [equal({Kind, Xml}, {mod_tocsin_event:kind(message(Xml)), Xml})
     || {Kind, Xml} <-
            [{none, <<>>},
             {none, <<"<composing xmlns='http://jabber.org/protocol/chatstates'/>">>},
             {other, <<"<gone xmlns='http://jabber.org/protocol/chatstates'/><received xmlns='urn:xmpp:receipts' id='x'/>">>},
             {text, <<"<encrypted xmlns='eu.siacs.conversations.axolotl'/>">>},
             {text, <<"<active xmlns='http://jabber.org/protocol/chatstates'/><x xmlns='jabber:x:encrypted'/>">>}]],
    equal(text, mod_tocsin_event:kind(message(<<"Hi">>, <<>>))),
    equal(error, mod_tocsin_event:kind((message(<<"Hi">>, <<>>))#message{type = error})),
    equal(true, mod_tocsin_event:is_replay(message(<<"Hi">>, <<"<delay xmlns='urn:xmpp:delay'/>">>))),
    equal(false, mod_tocsin_event:is_replay(message(<<"Hi">>, <<"<request xmlns='urn:xmpp:receipts'/>">>))).

each_payload() ->
    [equal({Xml, <<"<su/>", Reported/binary>>}, {Xml, payloads((message(Xml))#message{subject = [#text{data = <<"S">>}]})})
     || {Xml, Reported} <-
            [{<<"<received xmlns='urn:xmpp:chat-markers:0' id='x'/>">>, <<"<mr id='x'/>">>},
             {<<"<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>">>, <<"<md id='x'/>">>},
             {<<"<acknowledged xmlns='urn:xmpp:chat-markers:0' id='x'/>">>, <<"<ma id='x'/>">>},
             {<<"<reply xmlns='urn:xmpp:reply:0' id='x' to='b@h'/>">>, <<"<re id='x' to='b@h'/>">>},
             {<<"<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>+</reaction><reaction>-</reaction></reactions>">>, <<"<rx id='x' n='2'/>">>},
             {<<"<reactions xmlns='urn:xmpp:reactions:0' id='x'/>">>, <<"<rx id='x' n='0'/>">>},
             {<<"<replace xmlns='urn:xmpp:message-correct:0' id='x'/>">>, <<"<cr id='x'/>">>},
             {<<"<retract xmlns='urn:xmpp:message-retract:1' id='x'/>">>, <<"<rt id='x'/>">>},
             {<<"<apply-to xmlns='urn:xmpp:fasten:0' id='x'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>">>, <<"<rt id='x'/>">>},
             {<<"<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'><body start='0' end='9'/></fallback>">>, <<"<fb for='urn:x' start='0' end='9'/>">>},
             {<<"<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'/>">>, <<"<fb for='urn:x'/>">>},
             {<<"<encrypted xmlns='eu.siacs.conversations.axolotl'><header/><payload>x</payload></encrypted>">>, <<"<om payload='1'/>">>},
             {<<"<encrypted xmlns='eu.siacs.conversations.axolotl'><header/></encrypted>">>, <<"<om/>">>},
             {<<"<encrypted xmlns='urn:xmpp:omemo:2'><payload>x</payload></encrypted>">>, <<"<om2 payload='1'/>">>},
             {<<"<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>">>, <<"<ox/>">>},
             {<<"<x xmlns='jabber:x:encrypted'>x</x>">>, <<"<pg/>">>},
             {<<"<encryption xmlns='urn:xmpp:eme:0' namespace='urn:y' name='Y'/>">>, <<"<em namespace='urn:y'/>">>},
             {<<"<propose xmlns='urn:xmpp:jingle-message:0' id='x'/>">>, <<"<jm n='propose'/>">>},
             {<<"<track xmlns='urn:tocsin:escalation:0' until='displayed' timeout='600' xml:id='z'/>">>, <<"<tr until='displayed' timeout='600'/>">>},
             {<<"<headers xmlns='http://jabber.org/protocol/shim'><header name='Urgency'>high</header></headers>">>, <<"<ur v='high'/>">>},
             {<<"<forwarded xmlns='urn:xmpp:forward:0'/>">>, <<"<fw/>">>},
             {<<"<x xmlns='jabber:x:oob'><url>http://x</url></x>">>, <<"<x/>">>},
             {<<"<error type='cancel' by='h'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>">>, <<"<er type='cancel' by='h' c='gone'/>">>}]].

not_reported() ->
    [equal({Xml, none}, {Xml, payloads(message(Xml))})
     || Xml <- [<<>>,
                <<"<composing xmlns='http://jabber.org/protocol/chatstates'/>">>,
                <<"<thread>x</thread><nick xmlns='http://jabber.org/protocol/nick'>n</nick><store xmlns='urn:xmpp:hints'/>">>,
                <<"<stanza-id xmlns='urn:xmpp:sid:0' id='x' by='h'/>">>,
                <<"<retract xmlns='urn:xmpp:message-retract:1' id='x'><moderated xmlns='urn:xmpp:message-moderate:1'/></retract>">>,
                <<"<received xmlns='urn:xmpp:receipts'/>">>,
                <<"<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/><no-store xmlns='urn:xmpp:hints'/>">>,
                <<"<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'/><track xmlns='urn:tocsin:escalation:0'/>">>]],
    [equal({Xml, none}, {Xml, payloads(message(<<"Hi">>, Xml))})
     || Xml <- [<<"<sent xmlns='urn:xmpp:carbons:2'/>">>, <<"<result xmlns='urn:xmpp:mam:2'/>">>,
                <<"<event xmlns='http://jabber.org/protocol/pubsub#event'/>">>, <<"<x xmlns='http://jabber.org/protocol/muc#user'/>">>]],
    equal(<<"<body>Hi</body>">>, payloads(message(<<"Hi">>, <<"<private xmlns='urn:xmpp:carbons:2'/>">>))),
    equal(<<"<body>Hi</body>">>, payloads(message(<<"Hi">>, <<"<origin-id xmlns='urn:xmpp:sid:0' id='m1'/>">>))),
    equal(<<"<body>Hi</body><oi id='o1'/>">>, payloads(message(<<"Hi">>, <<"<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>">>))).

text() ->
    Is = fun(Body) -> payloads(message(Body, <<>>), ?NO_TEXT) end,
    equal(<<"<body is='text'/>">>, Is(<<"Hi">>)),
    equal(<<"<body is='blank'/>">>, Is(<<" \n", 16#200B/utf8, 16#FEFF/utf8>>)),
    equal(<<"<body is='otr'/>">>, Is(<<"?OTR:AAMDJ+MVmSfjFZcAAAAAAQAA.">>)),
    equal(<<"<body is='otr'/>">>, Is(<<"?OTR|5a73a599|27e31597,00001,00003,?OTR:AAMDJ+MVmSfjFZcA,">>)),
    equal(<<"<body is='otr-auto'/>">>, Is(<<"?OTR:AAMKJ+MVmSfjFZcA.">>)),
    equal(<<"<body is='otr-auto'/>">>, Is(<<"?OTRv23?">>)),
    equal(<<"<body is='blank'/>">>, payloads(message(<<>>, <<>>))),
    equal(<<"<body is='text'/><om payload='1'/>">>,
                 payloads(message(<<"I sent you an OMEMO message">>, <<"<encrypted xmlns='eu.siacs.conversations.axolotl'><payload/></encrypted>">>))),
    equal(<<"<body is='text'/><ns/>">>, payloads(message(<<"Hi">>, <<"<no-store xmlns='urn:xmpp:hints'/>">>))),
    Long = payloads(message(binary:copy(<<"€"/utf8>>, 6000), <<>>)),
    equal(<<"<body>", (binary:copy(<<"€"/utf8>>, 5461))/binary, "</body>">>, Long).

several() ->
    Delay = fun(From) -> <<"<delay xmlns='urn:xmpp:delay' from='", From/binary, "' stamp='2026-11-26T00:00:00Z'/>">> end,
    equal(<<"<body>Hi</body><dl from='h' stamp='2026-11-26T00:00:00Z'/>">>,
                 payloads(message(<<"Hi">>, <<(Delay(<<"gateway.example">>))/binary, (Delay(<<"h">>))/binary>>))),
    equal(<<"<body>Hi</body><dl from='b@h' stamp='2026-11-26T00:00:00Z'/>">>,
                 payloads(message(<<"Hi">>, <<(Delay(<<"gateway.example">>))/binary, (Delay(<<"b@h">>))/binary>>))),
    equal(<<"<body>Hi</body>">>, payloads(message(<<"Hi">>, Delay(<<"a@h/r">>)))),
    equal(<<"<rq/><er type='wait'/>">>,
                 payloads((message(<<"<error type='cancel'/><request xmlns='urn:xmpp:receipts'/><error type='wait'/><y xmlns='urn:y'/>">>))#message{type = error})).

hostile() ->
    Many = payloads(message(binary:copy(<<"<y xmlns='urn:y'/>">>, 10000))),
    equal(binary:copy(<<"<x/>">>, 64), Many),
    equal(none, payloads(message(<<"<received xmlns='urn:xmpp:receipts' id='", (binary:copy(<<"x">>, 1025))/binary, "'/>">>))),
    Quoted = #xmlel{name = <<"received">>, attrs = [{<<"xmlns">>, <<"urn:xmpp:receipts">>}, {<<"id">>, <<"'/><out f='evil'">>}]},
    {_, Text} = reported((message(<<>>))#message{sub_els = [Quoted]}),
    equal(nomatch, binary:match(Text, <<"<out f='evil">>)).

wants() ->
    Reaction = <<"<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>+</reaction></reactions>">>,
    equal(none, payloads(message(Reaction), ?NO_REACTIONS)),
    <<"<body>", _/binary>> = payloads(message(<<"+">>, Reaction), ?NO_REACTIONS),
    Id = fun(By) -> <<"<stanza-id xmlns='urn:xmpp:sid:0' id='x' by='", By/binary, "'/>">> end,
    equal(<<"<body>Hi</body>">>, payloads(message(<<"Hi">>, Id(<<"b@h">>)))),
    equal(<<"<body>Hi</body><si id='x' by='b@h'/>">>, payloads(message(<<"Hi">>, <<(Id(<<"a@h">>))/binary, (Id(<<"b@h">>))/binary>>), ?IDS)).

events() ->
    Event = fun(Body, Xml) -> mod_tocsin_event:message(<<"out">>, <<"a@h/'">>, text, message(Body, Xml), 0, [{<<"ss">>, <<"1">>}]) end,
    equal({<<"out">>, 3, <<" ss='1' f='a@h/&apos;' t='b@h' i='m1'><body>&lt;&amp;&gt;&quot;</body><rq/></out>">>},
          Event(<<"<&>\"">>, <<"<request xmlns='urn:xmpp:receipts'/>">>)),
    Long = #xmlel{name = <<"received">>, attrs = [{<<"xmlns">>, <<"urn:xmpp:receipts">>}, {<<"id">>, binary:copy(<<"'">>, 1000)}]},
    M = (message(binary:copy(<<"\"">>, 16000), <<>>))#message{sub_els = lists:duplicate(5, Long)},
    {_, 7, <<" f='a@h/r' t='b@h' i='m1'><body is='text'/><rc id='&apos;", _/binary>>} = mod_tocsin_event:message(<<"out">>, <<"a@h/r">>, text, M, 0, []),
    equal({<<"out">>, 2, <<" f='a@h/r' t='b@h' i='1&#9;2&#10;3&#13;4'><body>1\t2\n3&#13;4</body></out>">>},
          mod_tocsin_event:message(<<"out">>, <<"a@h/r">>, text, (message(<<"1\t2\n3\r4">>, <<>>))#message{id = <<"1\t2\n3\r4">>}, 0, [])),
    equal({<<"bye">>, 1, <<"/>">>}, mod_tocsin_event:event(<<"bye">>, [{<<"x">>, <<>>}])),
    equal(too_large, mod_tocsin_event:event(<<"out">>, [{<<"x">>, binary:copy(<<"'">>, 30000)}])).

equal(Same, Same) -> ok;
equal(Expected, Got) -> error({expected, Expected, got, Got}).
