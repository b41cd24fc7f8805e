package httpapi

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"tocsin/component/gateway"
)

// answers are providers' responses, from the examples in their documentation: one that accepts an SMS, and others.
var answers = map[string]struct {
	status int
	body   string
	ids    []string
	others []answerCase
}{
	"aliyun": {200, `{"Message":"OK","RequestId":"F655A8D5","Code":"OK","BizId":"900619746936498440^0"}`, []string{"900619746936498440^0"}, []answerCase{
		{200, `{"Code":"isv.BUSINESS_LIMIT_CONTROL","Message":"触发分钟级流控Permits:1"}`, gateway.NotSent},
		{200, `{"Code":"isv.MOBILE_NUMBER_ILLEGAL"}`, gateway.Refused},
		{404, `{"Code":"InvalidAccessKeyId.NotFound","HostId":"dysmsapi.aliyuncs.com"}`, gateway.NotSent},
		{400, `{"Code":"SignatureDoesNotMatch"}`, gateway.NotSent},
	}},
	"infobip": {200, `{"bulkId":"a","messages":[{"messageId":"a28d","status":{"groupId":1,"groupName":"PENDING","id":26,"name":"PENDING_ACCEPTED"},"destination":"8613800138000"}]}`, []string{"a28d"}, []answerCase{
		{200, `{"messages":[{"messageId":"a28d","status":{"groupId":5,"groupName":"REJECTED","id":12,"name":"REJECTED_NOT_ENOUGH_CREDITS"}}]}`, gateway.NotSent},
		{200, `{"messages":[{"messageId":"a28d","status":{"groupId":5,"groupName":"REJECTED","id":6,"name":"REJECTED_NETWORK"}}]}`, gateway.Refused},
	}},
	"kannel": {202, `0: Accepted for delivery`, nil, nil},
	"messagebird": {201, `{"id":"e8077d80","recipients":{"totalCount":1,"items":[{"recipient":8613800138000,"status":"sent"}]}}`, []string{"e8077d80"}, []answerCase{
		{401, `{"errors":[{"code":2,"description":"Request not allowed (incorrect access_key)","parameter":"access_key"}]}`, gateway.NotSent},
		{422, `{"errors":[{"code":25,"description":"Not enough balance","parameter":null}]}`, gateway.NotSent},
		{422, `{"errors":[{"code":9,"description":"no (correct) recipients found","parameter":"recipients"}]}`, gateway.Refused},
	}},
	"playsms": {200, `{"data":[{"status":"OK","error":"0","smslog_id":"4","queue":"f8b2","to":"+8613800138000"}],"error_string":null,"timestamp":1}`, []string{"4"}, []answerCase{
		{200, `{"status":"ERR","error":"100","error_string":"authentication failed"}`, gateway.NotSent},
		{200, `{"data":[{"status":"ERR","error":"200","smslog_id":"","to":"x"}]}`, gateway.Refused},
	}},
	"plivo": {202, `{"message":"message(s) queued","message_uuid":["db3ce55a"],"api_id":"db342550"}`, []string{"db3ce55a"}, []answerCase{
		{400, `{"api_id":"db34","error":"dst is invalid"}`, gateway.Refused},
	}},
	"sinch": {201, `{"id":"01FC66621","to":["8613800138000"],"from":"15550009999","canceled":false,"type":"mt_text"}`, []string{"01FC66621"}, []answerCase{
		{400, `{"code":"syntax_invalid_parameter_format","text":"Invalid MSISDN"}`, gateway.Refused},
		{403, `{"code":"unknown_campaign"}`, gateway.NotSent},
	}},
	"smsgate": {202, `{"id":"` + ref + `","state":"Pending","recipients":[{"phoneNumber":"+8613800138000","state":"Pending"}]}`, []string{ref}, []answerCase{{409, `{"message":"message with this id already exists"}`, gateway.Sent}}},
	"telnyx": {200, `{"data":{"record_type":"message","direction":"outbound","id":"40385f64","to":[{"phone_number":"+8613800138000","status":"queued"}]}}`, []string{"40385f64"}, []answerCase{
		{400, `{"errors":[{"code":"40300","title":"Blocked due to STOP message"}]}`, gateway.Stopped},
		{403, `{"errors":[{"code":"20012","title":"Account inactive"}]}`, gateway.NotSent},
		{422, `{"errors":[{"code":"40310","title":"Invalid 'to' address"}]}`, gateway.Refused},
	}},
	"tencent": {200, `{"Response":{"SendStatusSet":[{"SerialNo":"5000:1045710669157053657849499619","PhoneNumber":"+8613800138000","Fee":1,"SessionContext":"x","Code":"Ok","Message":"send success","IsoCode":"CN"}],"RequestId":"a0aabda6"}}`, []string{"5000:1045710669157053657849499619"}, []answerCase{
		{200, `{"Response":{"SendStatusSet":[{"SerialNo":"","Code":"LimitExceeded.PhoneNumberDailyLimit"}]}}`, gateway.NotSent},
		{200, `{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":"x"},"RequestId":"x"}}`, gateway.NotSent},
		{200, `{"Response":{"SendStatusSet":[{"SerialNo":"","Code":"FailedOperation.PhoneNumberInBlacklist"}]}}`, gateway.Refused},
		{200, `{"Response":{"Error":{"Code":"InternalError.Timeout"}}}`, gateway.Unsure},
	}},
	"twilio": {201, `{"sid":"SM1","status":"queued","error_code":null}`, []string{"SM1"}, []answerCase{
		{401, `{"code":20003,"message":"Authenticate","status":401}`, gateway.NotSent},
		{400, `{"code":21408,"message":"Permission to send an SMS has not been enabled for the region","status":400}`, gateway.NotSent},
		{400, `{"code":21612,"message":"The 'To' phone number is not currently reachable via SMS","status":400}`, gateway.NotSent},
		{400, `{"code":21614,"status":400}`, gateway.Refused},
	}},
	"vonage": {200, `{"message-count":"1","messages":[{"to":"8613800138000","message-id":"0A1","status":"0","remaining-balance":"3.14"}]}`, []string{"0A1"}, []answerCase{
		{200, `{"message-count":"1","messages":[{"status":"4","error-text":"Invalid Credentials"}]}`, gateway.NotSent},
		{200, `{"message-count":"1","messages":[{"status":"9","error-text":"Partner quota exceeded"}]}`, gateway.NotSent},
	}},
}

type answerCase struct {
	status int
	body   string
	want   gateway.Outcome
}

// Each preset understands its provider's responses, and what any server or proxy may say instead.
func TestAnswers(t *testing.T) {
	for _, name := range Presets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told, ok := answers[name]
			if !ok {
				t.Fatal("no responses are known")
			}
			submit := func(script http.HandlerFunc) gateway.Answer {
				r := presetRoute(name)
				r.URL = scripted(t, script).URL
				return must(t, r).Submit(t.Context(), submission("Hello"))
			}
			if got := submit(answering(told.status, told.body)); got.Outcome != gateway.Sent || !slices.Equal(got.IDs, told.ids) {
				t.Errorf("accepted: %+v", got)
			}
			for _, other := range told.others {
				got := submit(answering(other.status, other.body))
				if got.Outcome != other.want {
					t.Errorf("%d %s: %+v, want %d", other.status, other.body, got, other.want)
				}
				if status := other.status; (status == 401 || status == 403) && got.Wait < closedFor {
					t.Errorf("%d %s: tried again after %v", status, other.body, got.Wait)
				}
			}
			for status, want := range map[int]gateway.Answer{
				401: {Outcome: gateway.NotSent, Wait: closedFor}, 403: {Outcome: gateway.NotSent, Wait: closedFor}, 429: {Outcome: gateway.NotSent, Wait: 7 * time.Second},
				503: {Outcome: gateway.NotSent, Wait: 7 * time.Second}, 500: {Outcome: gateway.Unsure}, 502: {Outcome: gateway.Unsure}, 504: {Outcome: gateway.Unsure},
			} {
				headers := []string{"Retry-After", "7"}
				if status == 401 || status == 403 {
					headers = nil
				}
				if got := submit(answering(status, "<html>", headers...)); got.Outcome != want.Outcome || got.Wait != want.Wait {
					t.Errorf("%d: %+v", status, got)
				}
			}
			if got := submit(hangUp); got.Outcome != gateway.Unsure {
				t.Errorf("link lost: %+v", got)
			}
			if got := submit(answering(200, "<html>")); got.Outcome != gateway.Unsure {
				t.Errorf("another service: %+v", got)
			}
		})
	}
}
