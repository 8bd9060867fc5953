import Clicks
import HTTP
import Platform
import Service
import Testing

// Robots and link previewers that say so are redirected and not counted; people in the browsers of apps count.

/// Browsers inside of apps, and other ones that people click with.
private let people = [
  // Facebook, Instagram, Threads, Messenger
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/470.0.0.36.109;FBBV/610380523;FBDV/iPhone14,5;FBMD/iPhone;FBSN/iOS;FBSV/17.5;FBSS/3;FBID/phone;FBLC/de_DE;FBOP/5]",
  "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/125.0.6422.165 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/467.0.0.43.104;]",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/MessengerForiOS;FBAV/449.0.0.41.107;FBDV/iPhone13,2]",
  "Mozilla/5.0 (Linux; Android 13; Pixel 6 Build/TQ3A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/119.0 Mobile Safari/537.36 [FB_IAB/Orca-Android;FBAV/431.0.0.35.116;]",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21E219 Instagram 334.0.4.32.98 (iPhone13,2; iOS 17_4; de_DE; scale=3.00; 1170x2532; 602664398)",
  "Mozilla/5.0 (Linux; Android 12; SM-A525F; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0 Mobile Safari/537.36 Instagram 331.0.0.37.90 Android (31/12; 420dpi; 1080x2186; samsung; SM-A525F; a52q; qcom; en_US)",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Barcelona 330.0.0.29.96 (iPhone14,7; iOS 17_4; en_US)",
  // Pinterest
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [Pinterest/iOS]",
  "Mozilla/5.0 (Linux; Android 9; H4113 Build/50.2.A.3.55; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/81.0 Mobile Safari/537.36 [Pinterest/Android]",
  // LINE, KakaoTalk, Naver, WeChat, QQ, Zalo, Viber
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari Line/14.8.0",
  "Mozilla/5.0 (Linux; Android 13; SO-51C; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0 Mobile Safari/537.36 Line/14.7.2/IAB",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 KAKAOTALK 10.8.3",
  "Mozilla/5.0 (Linux; Android 14; SM-S926N; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/125.0 Mobile Safari/537.36;KAKAOTALK 2410830",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 NAVER(inapp; search; 2000; 12.5.0; 14PRO)",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN",
  "Mozilla/5.0 (Linux; Android 13; 2211133C Build/TKQ1; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0 Mobile Safari/537.36 XWEB/1160117 MMWEBSDK/20240404 MicroMessenger/8.0.49.2600(0x2800313D) WeChat/arm64 Weixin NetType/5G Language/zh_CN ABI/arm64",
  "Mozilla/5.0 (Linux; U; Android 12; zh-cn; V2055A) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/109.0 MQQBrowser/14.9 Mobile Safari/537.36 V1_AND_SQ_9.0.50 QQ/9.0.50",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Zalo iOS/485 ZaloTheme/light ZaloLanguage/vn",
  "Mozilla/5.0 (Linux; Android 11; M2101K6G; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0 Mobile Safari/537.36 Viber/21.5.0.3",
  // WhatsApp and Telegram open links in these
  "Mozilla/5.0 (Linux; Android 13; SM-G991B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0 Mobile Safari/537.36 WhatsApp/2.24.5.77",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 WhatsApp/23.25.85",
  "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UD1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/123.0 Mobile Safari/537.36 Telegram-Android/10.9.1 (Google Pixel 8; Android 14; SDK 34; HIGH)",
  // Snapchat, TikTok, Twitter, LinkedIn, Reddit, Discord, Slack
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Snapchat/12.93.0.40 (like Safari/8618.2.12, panda)",
  "Mozilla/5.0 (Linux; Android 13; SM-A536B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0 Mobile Safari/537.36Snapchat12.91.0.37 (SM-A536B; Android 13; gzip)",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 musical_ly_35.0.0 JsSdk/2.0 NetType/WIFI Channel/App Store ByteLocale/en Region/US isDarkMode/0 WKWebView/1 BytedanceWebview/d8a21c6",
  "Mozilla/5.0 (Linux; Android 12; CPH2269; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0 Mobile Safari/537.36 trill_340505 JsSdk/1.0 NetType/WIFI Channel/googleplay AppName/trill app_version/34.5.5 ByteLocale/en BytedanceWebview/d8a21c6 TikTok/34.5.5",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Twitter for iPhone/10.40",
  "Mozilla/5.0 (Linux; Android 14; SM-S911U; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/125.0 Mobile Safari/537.36 TwitterAndroid",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [LinkedInApp]/9.29.8431",
  "Mozilla/5.0 (Linux; Android 13; Pixel 7; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/123.0 Mobile Safari/537.36 [LinkedInApp]/4.1.905",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Reddit/Version 2024.16.0/Build 613739/iOS Version 17.4.1",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) discord/1.0.9147 Chrome/120.0.6099.291 Electron/28.2.10 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.38.125 Chrome/124.0.6367.119 Electron/30.0.3 Safari/537.36 Sonic Slack_SSB/4.38.125",
  // Google's search app, Samsung, Yandex, Baidu, DuckDuckGo, Bing and Naver as browsers
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/317.0.634488990 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S928B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0 Mobile Safari/537.36",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0 YaBrowser/24.4.1.899 Yowser/2.5 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 YaApp_iOS/2404.2 YaApp_iOS_Browser/2404.2 SA/3",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari/604.1 SP-engine/2.98.0 main/1.0 baiduboxapp/13.58.0.12 (Baidu; P2 17.0)",
  "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0 Mobile DuckDuckGo/5 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1 BingSapphire/27.5.420507001",
  "Mozilla/5.0 (Linux; Android 12; PBEM00 Build/SKQ1) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/97.0 Mobile Safari/537.36 SogouMobileBrowser/6.5.8",
  // Phones and names that end in bot, mail programs, plain browsers, what is no browser
  "Mozilla/5.0 (Linux; Android 11; CUBOT X50) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Mobile Safari/537.36",
  "Mozilla/5.0 (Linux; Android 10; CUBOT_NOTE_20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0 Mobile Safari/537.36",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Thunderbird/115.10.1",
  "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; .NET4.0C; Microsoft Outlook 16.0.17531; ms-office; MSOffice 16)",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 Edg/125.0.0.0",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
  "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0",
  "okhttp/4.12.0", "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7)", "ShopApp/3.1 CFNetwork/1494.0.7 Darwin/23.4.0",
  "curl/8.5.0", "python-requests/2.31.0", "x", "",
]

private let robots = [
  "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
  "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
  "Googlebot-Image/1.0", "Mediapartners-Google", "AdsBot-Google (+http://www.google.com/adsbot.html)",
  "Mozilla/5.0 (compatible; GoogleOther)", "Mozilla/5.0 (compatible; Google-InspectionTool/1.0;)",
  "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0 Safari/537.36",
  "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
  "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
  "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
  "Mozilla/5.0 (compatible; YandexMobileBot/3.0; +http://yandex.com/bots)",
  "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
  "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)",
  "Mozilla/5.0 (compatible;PetalBot;+https://webmaster.petalsearch.com/site/petalbot)",
  "Mozilla/5.0 (compatible; Yeti/1.1; +https://naver.me/spd)", "CCBot/2.0 (https://commoncrawl.org/faq/)",
  "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
  "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
  "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "facebookexternalhit/1.1;line-poker/1.0",
  "facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/t/scrap/33984",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
  "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
  "WhatsApp/2.23.20.0", "WhatsApp/2.24.5.77 A", "WhatsApp/2.23.18.78 i",
  "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Slackbot 1.0 (+https://api.slack.com/robots)",
  "Slack-ImgProxy (+https://api.slack.com/robots)", "Twitterbot/1.0",
  "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
  "Mozilla/5.0 (compatible; Pinterestbot/1.0; +http://www.pinterest.com/bot.html)",
  "Pinterest/0.2 (+https://www.pinterest.com/bot.html)", "TelegramBot (like TwitterBot)",
  "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
  "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
  "Mozilla/5.0 (compatible; Snap URL Preview Service; bot; snapchat; https://developers.snap.com/robots)",
  "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
  "Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)",
  "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
  "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
  "Mozilla/5.0 (compatible; MJ12bot/v1.4.8; http://mj12bot.com/)",
]

@Suite struct BotTests {
  private func matches(_ list: BotList, _ agent: String) -> Bool {
    unsafe Array(agent.utf8).withUnsafeBytes { unsafe list.matches($0) }
  }

  @Test func peopleCountAndRobotsDoNot() {
    for agent in people { #expect(!matches(.builtin, agent), "\(agent)") }
    for agent in robots {
      #expect(matches(.builtin, agent), "\(agent)")
      #expect(matches(.builtin, agent.uppercased()) && matches(.builtin, agent.lowercased()), "\(agent)")
    }
  }

  /// Each entry has its vendor's page, finds itself, and is in no other one: none is there for nothing.
  @Test func everyEntryIsNeededAndHasAPage() {
    for (index, entry) in BuiltinBots.entries.enumerated() {
      #expect(entry.page.hasPrefix("https://"), "\(entry)")
      let text = entry.pattern.hasPrefix("^") ? String(entry.pattern.dropFirst()) : entry.pattern
      #expect(matches(.builtin, text), "\(entry)")
      for (other, entry) in BuiltinBots.entries.enumerated() where other != index {
        #expect(!text.lowercased().contains(entry.pattern.lowercased()), "\(text) has \(entry.pattern)")
      }
    }
    #expect(BotList.builtin.count == BuiltinBots.entries.count && BotList.builtin.version == BuiltinBots.version)
  }

  @Test func robotsAreRedirectedAndTheClickAfterThemCounts() throws {
    let service = try TestService()
    for (number, agent) in robots.enumerated() {
      let id = TestService.impression()
      let method = number % 3 == 0 ? "POST" : "GET"
      // Twice: once read through, once remembered.
      for _ in 0..<2 {
        let answer = try service.request(method, TestService.link("active", id), [("User-Agent", agent)])
        #expect(answer.verdict == "bot" && answer.status == (method == "GET" ? 302 : 204), "\(agent)")
        #expect(answer.location == (method == "GET" ? TestService.landing : nil))
      }
      let person = people[number % people.count]
      #expect(
        try service.request("GET", TestService.link("active", id), [("User-Agent", person)]).verdict == "valid",
        "\(person)")
    }
    for person in people + people {
      #expect(
        try service.request("GET", TestService.link("active", TestService.impression()), [("User-Agent", person)])
          .verdict == "valid", "\(person)")
    }
    #expect(try service.total() == robots.count + 2 * people.count)
    let page = try service.metrics()
    #expect(page["tally_click_requests_total{verdict=\"bot\"}"] == Double(2 * robots.count))
    let entries = BuiltinBots.entries.count
    #expect(
      page["tally_bots_info{source=\"builtin\",version=\"\(BuiltinBots.version)\",entries=\"\(entries)\"}"] == 1)
  }

  @Test func aListOfOnesOwnAndNone() throws {
    let scratch = try TestService()
    let path = scratch.directory.path + "/bots"
    try KernelFileSystem().open(path, .create).writeAll(
      Array("# ours\r\n\r\n  ^Uptime probe/  \nacme-checker\n".utf8), at: 0)
    func verdict(_ service: TestService, _ agent: String) throws -> String? {
      try service.request("GET", TestService.link("active", TestService.impression()), [("User-Agent", agent)]).verdict
    }
    let own = try TestService { $0.bots = .file(path) }
    #expect(try verdict(own, "Uptime Probe/1") == "bot" && verdict(own, "my Uptime probe/1") == "valid")
    #expect(try verdict(own, "Mozilla/5.0 (ACME-Checker)") == "bot" && verdict(own, "Googlebot/2.1") == "valid")
    let off = try TestService { $0.bots = .off }
    #expect(try verdict(off, "Googlebot/2.1") == "valid")
    let page = try off.metrics()
    #expect(page["tally_bots_info{source=\"off\",version=\"\",entries=\"0\"}"] == 1)
    #expect(throws: (any Error).self) { try TestService { $0.bots = .file(path + "-none") } }
  }

  @Test func filesOfTextsAreReadStrictly() throws {
    func list(_ text: String) throws(BotList.Fault) -> BotList { try BotList(file: Array(text.utf8), name: "f") }
    let whole = try list("acme\n@builtin\n")
    #expect(whole.count == BuiltinBots.entries.count + 1 && whole.source == "file" && whole.version.count == 12)
    #expect(matches(whole, "an ACME agent") && matches(whole, "Twitterbot/1.0"))
    let faults = [
      ("a\n\nab\n", "f:1: "), ("good\n^ab\n", "f:2: "), ("good\n# x\n@other\n", "f:3: "), ("b\u{E9}te\n", "f:1: "),
      ("good\nba\u{1}d\n", "f:2: "), (String(repeating: "x", count: 129), "f:1: "),
      ((0...BotList.textLimit).map { "text \($0)\n" }.joined(), "f:\(BotList.textLimit + 1): "),
      (String(repeating: "#", count: BotList.fileLimit + 1), "f: "),
    ]
    for (text, place) in faults {
      let fault = #expect(throws: BotList.Fault.self, "\(text.prefix(40))") { try list(text) }
      #expect(fault?.description.hasPrefix(place) == true, "\(text.prefix(40)): \(fault?.description ?? "")")
    }
  }

  /// What is found does not depend on where in a user agent a text stands, but for the window.
  @Test func textsAreFoundAnywhere() throws {
    let list = try BotList(file: Array("needle\n^front\n".utf8), name: "f")
    for length in 0..<300 {
      let padding = String(repeating: "n", count: length)
      #expect(matches(list, padding + "NEEDLE" + padding) && !matches(list, padding + "NEEDL"))
      #expect(matches(list, padding + "front") == (length == 0))
    }
    let far = String(repeating: " ", count: BotList.window - 6)
    #expect(matches(list, far + "needle") && !matches(list, far + " needle"))
  }
}
