// The robots and link previewers that Tally knows by name, each with its vendor's page: the one that says how it names itself,
// or where there is none the one that its user agent names.
// Only who says so is here: HTTP libraries and command-line tools (curl, okhttp, python-requests) are no robots, since apps
// and ad servers click through them, and a browser without a user agent is nobody's robot.
//
// An entry is a text that the user agent contains, letter case aside; `^` before it: with which it begins. It must be in no
// in-app browser's user agent: `Pinterest`, `Snapchat` and `LinkedIn` alone are, so these have longer texts. A change of an
// entry gives the list a new version.

/// The list that `--bots builtin` judges by.
package enum BuiltinBots {
  /// Names the list in metrics; moves with every change of an entry.
  package static let version = "2026.11"

  /// Each entry, with its vendor's page.
  package static let entries: [(pattern: String, page: String)] = searchEngines + assistants + previewers + siteAudits

  private static let searchEngines: [(pattern: String, page: String)] = [
    ("Googlebot", "https://developers.google.com/crawling/docs/crawlers-fetchers/google-common-crawlers"),
    ("Storebot-Google", "https://developers.google.com/crawling/docs/crawlers-fetchers/google-common-crawlers"),
    ("Google-InspectionTool", "https://developers.google.com/crawling/docs/crawlers-fetchers/google-common-crawlers"),
    ("GoogleOther", "https://developers.google.com/crawling/docs/crawlers-fetchers/google-common-crawlers"),
    ("Google-CloudVertexBot", "https://developers.google.com/crawling/docs/crawlers-fetchers/google-common-crawlers"),
    ("APIs-Google", "https://developers.google.com/crawling/docs/crawlers-fetchers/google-special-case-crawlers"),
    ("AdsBot-Google", "https://developers.google.com/crawling/docs/crawlers-fetchers/google-special-case-crawlers"),
    (
      "Mediapartners-Google",
      "https://developers.google.com/crawling/docs/crawlers-fetchers/google-special-case-crawlers"
    ),
    ("Google-Safety", "https://developers.google.com/crawling/docs/crawlers-fetchers/google-special-case-crawlers"),
    (
      "FeedFetcher-Google",
      "https://developers.google.com/crawling/docs/crawlers-fetchers/google-user-triggered-fetchers"
    ),
    (
      "Google-Read-Aloud",
      "https://developers.google.com/crawling/docs/crawlers-fetchers/google-user-triggered-fetchers"
    ),
    (
      "Google-Site-Verification",
      "https://developers.google.com/crawling/docs/crawlers-fetchers/google-user-triggered-fetchers"
    ),
    ("bingbot", "https://www.bing.com/webmasters/help/which-crawlers-does-bing-use-8c184ec0"),
    ("adidxbot", "https://www.bing.com/webmasters/help/which-crawlers-does-bing-use-8c184ec0"),
    ("BingPreview", "https://www.bing.com/webmasters/help/which-crawlers-does-bing-use-8c184ec0"),
    ("MicrosoftPreview", "https://www.bing.com/webmasters/help/which-crawlers-does-bing-use-8c184ec0"),
    ("Applebot", "https://support.apple.com/en-us/119829"),
    ("DuckDuckBot", "https://duckduckgo.com/duckduckgo-help-pages/results/duckduckbot"),
    // The page is in the user agent of every robot of this vendor, and in none of its browsers.
    ("yandex.com/bots", "https://yandex.com/support/webmaster/robot-workings/check-yandex-robots.html"),
    ("Baiduspider", "https://help.baidu.com/question?prod_id=99&class=0&id=3001"),
    ("Sogou web spider", "https://www.sogou.com/docs/help/webmasters.htm"),
    ("PetalBot", "https://webmaster.petalsearch.com/site/petalbot"),
    ("compatible; Yeti/", "https://searchadvisor.naver.com/guide/seo-basic-robots"),
    ("SeznamBot", "https://o-seznam.cz/napoveda/vyhledavani/en/seznambot-crawler/"),
    ("Qwantbot", "https://help.qwant.com/bot/"),
    ("MojeekBot", "https://www.mojeek.com/bot.html"),
    ("Amazonbot", "https://developer.amazon.com/amazonbot"),
    ("CCBot/", "https://commoncrawl.org/ccbot"),
    ("archive.org_bot", "https://archive.org/details/archive.org_bot"),
  ]

  private static let assistants: [(pattern: String, page: String)] = [
    ("GPTBot/", "https://platform.openai.com/docs/bots"),
    ("OAI-SearchBot", "https://platform.openai.com/docs/bots"),
    ("ChatGPT-User", "https://platform.openai.com/docs/bots"),
    ("PerplexityBot", "https://docs.perplexity.ai/guides/bots"),
    ("Perplexity-User", "https://docs.perplexity.ai/guides/bots"),
    ("ClaudeBot/", "https://support.anthropic.com/en/articles/8896518"),
    ("Claude-User", "https://support.anthropic.com/en/articles/8896518"),
    ("Claude-SearchBot", "https://support.anthropic.com/en/articles/8896518"),
    ("DuckAssistBot", "https://duckduckgo.com/duckduckgo-help-pages/results/duckassistbot"),
    ("meta-externalagent", "https://developers.facebook.com/docs/sharing/webmasters/web-crawlers"),
    ("meta-externalfetcher", "https://developers.facebook.com/docs/sharing/webmasters/web-crawlers"),
  ]

  private static let previewers: [(pattern: String, page: String)] = [
    ("facebookexternalhit", "https://developers.facebook.com/docs/sharing/webmasters/web-crawlers"),
    ("facebookcatalog", "https://developers.facebook.com/docs/sharing/webmasters/web-crawlers"),
    // The messenger's own fetch of a link that is being typed. Links opened from it come with a browser's user agent.
    ("^WhatsApp/", "https://developers.facebook.com/documentation/business-messaging/whatsapp/link-previews/"),
    ("Slackbot", "https://api.slack.com/robots"),
    ("Slack-ImgProxy", "https://api.slack.com/robots"),
    ("Twitterbot", "https://developer.x.com/en/docs/x-for-websites/cards/guides/getting-started"),
    ("LinkedInBot", "https://www.linkedin.com/robots.txt"),
    ("Pinterestbot", "https://help.pinterest.com/en/business/article/pinterest-crawler"),
    ("^Pinterest/0.", "https://help.pinterest.com/en/business/article/pinterest-crawler"),
    ("TelegramBot", "https://telegram.org/blog/link-preview"),
    ("Discordbot", "https://discordapp.com"),
    (
      "SkypeUriPreview",
      "https://learn.microsoft.com/en-us/microsoftteams/platform/messaging-extensions/how-to/link-unfurling"
    ),
    ("Snap URL Preview Service", "https://developers.snap.com/robots"),
    ("kakaotalk-scrap", "https://devtalk.kakao.com/t/scrap/33984"),
    ("vkShare", "https://vk.com/dev/Share"),
    ("redditbot", "https://www.reddit.com/feedback"),
    ("Iframely/", "https://iframely.com/docs/about"),
    ("Embedly/", "https://docs.embed.ly/"),
  ]

  private static let siteAudits: [(pattern: String, page: String)] = [
    ("AhrefsBot", "https://ahrefs.com/robot"),
    ("AhrefsSiteAudit", "https://ahrefs.com/robot/site-audit"),
    ("SemrushBot", "https://www.semrush.com/bot/"),
    ("SiteAuditBot", "https://www.semrush.com/bot/"),
    ("MJ12bot", "https://mj12bot.com/"),
    ("DotBot/", "https://moz.com/help/moz-procedures/crawlers/dotbot"),
    ("DataForSeoBot", "https://dataforseo.com/dataforseo-bot"),
  ]
}
