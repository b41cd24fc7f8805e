package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Captured from tencentcloud-sdk-nodejs-sms 4.1.220 and @alicloud/dysmsapi20170525 with made-up keys, sent to a listener on
// loopback. The same request must get the same signature.
func TestSignatures(t *testing.T) {
	const body = `{"PhoneNumberSet":["+8618501234444"],"SmsSdkAppId":"1400006666","TemplateId":"1110","SignName":"示例","TemplateParamSet":["小明 & <co>"],"SessionContext":"` + ref + `"}`
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:27999/", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	signTC3(req, []byte(body), "127", time.Unix(1795664347, 0), "AKIDtest", "tencent-secret")
	want := "TC3-HMAC-SHA256 Credential=AKIDtest/2026-11-26/127/tc3_request, SignedHeaders=content-type;host, Signature=bc05a0f24688f37dc56c077580375dad7318cceea3c67e0185a5a8dd96097df5"
	if got := req.Header.Get("Authorization"); got != want {
		t.Errorf("TC3\ngot  %s\nwant %s", got, want)
	}

	req, _ = http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:27999/?OutId="+ref+"&PhoneNumbers=18501234444&SignName=%E7%A4%BA%E4%BE%8B&TemplateCode=SMS_1&TemplateParam=%7B%22sender%22%3A%22%E5%B0%8F%E6%98%8E+%26+%3Cco%3E%22%7D", nil)
	for name, value := range map[string]string{
		"x-acs-version": "2017-05-25", "x-acs-action": "SendSms", "x-acs-date": "2026-11-26T03:39:07Z", "x-acs-credentials-provider": "static_ak",
		"x-acs-signature-nonce": "e38802a19782f49bd77700bfc68e3100bcbdb5769dacc4b1f9bb31f5102a4df5",
	} {
		req.Header.Set(name, value)
	}
	signACS3(req, nil, "LTAItest", "aliyun-secret")
	want = "ACS3-HMAC-SHA256 Credential=LTAItest,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=0a9341cabc6e97b8578ca469ff20b03549b61a3901814124b85bd399c7abd38b"
	if got := req.Header.Get("Authorization"); got != want {
		t.Errorf("ACS3\ngot  %s\nwant %s", got, want)
	}
}
