using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gallery.Service;
using Gallery.Sql.Database;
using Gallery.Tests.Access;
using Gallery.Tests.Service;
using Gallery.Tests.Settings;
using Microsoft.IdentityModel.Tokens;

namespace Gallery.Tests.Page;

/// <summary>How the page's files and its settings are served. What the page does is tested in a browser.</summary>
public sealed partial class ServedPageTests(TestService service) : IClassFixture<TestService>
{
    private const string Project = "https://abc.supabase.co";
    private const string Publishable = "SUPABASE_PUBLISHABLE_KEY=sb_publishable_Ab-1_x";

    private readonly Api _api = service.Api;

    [Fact]
    public async Task The_page_is_at_the_root_for_everyone_and_scripts_of_other_hosts_are_not_loaded()
    {
        await using var guarded = await StartAsync(GuardedService.Keys);
        foreach (var api in new[] { _api, guarded.Api })
        {
            var page = await api.GetAsync("/?q=a&q=b", ("X-API-Key", "wrong"));
            var head = await api.SendAsync(HttpMethod.Head, "/");

            Assert.Equal((200, 200, ""), (page.Status, head.Status, head.Text));
            Assert.Contains("<title>Gallery", page.Text, StringComparison.Ordinal);
            Assert.DoesNotMatch(Inline(), page.Text);
            foreach (var answer in new[] { page, head })
            {
                Assert.Equal("text/html; charset=utf-8", answer.ContentHeaders.ContentType!.ToString());
                Assert.Equal(Encoding.UTF8.GetByteCount(page.Text), answer.ContentHeaders.ContentLength);
                Assert.Equal(("same-origin", "nosniff", "no-referrer"), (Find(answer, "Cross-Origin-Resource-Policy"), Find(answer, "X-Content-Type-Options"), Find(answer, "Referrer-Policy")));
            }
        }
    }

    [Theory]
    [InlineData("", "")]
    [InlineData(
        " assets.example.com a1.assets.example.com a2.assets.example.com a3.assets.example.com a4.assets.example.com a5.assets.example.com "
        + "z.net a1.z.net a2.z.net a3.z.net a4.z.net a5.z.net", "", "GALLERY_IMAGE_HOSTS=z.net,Assets.example.com")]
    [InlineData("", "", $"SUPABASE_URL={Project}")]   // without a key nobody signs in on the page
    [InlineData("", " https://abc.supabase.co", $"SUPABASE_URL= {Project}/ ", Publishable)]
    [InlineData("", " http://[::1]:54321", "SUPABASE_URL=http://[::1]:54321/base", Publishable)]
    [InlineData("", " https://xn--bcher-kva.example", "SUPABASE_URL=https://bücher.example", Publishable)]
    public async Task The_page_loads_from_its_own_host_the_pictures_hosts_and_supabase_alone(string images, string connections, params string[] settings)
    {
        await using var own = await StartAsync(settings);

        Assert.Equal(
            $"default-src 'self'; img-src 'self' *.cloudinary.com{images}; connect-src 'self'{connections}; object-src 'none'; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html",
            Find(await own.Api.GetAsync("/"), "Content-Security-Policy"));
    }

    [Fact]
    public async Task What_the_page_links_to_is_served_and_every_url_is_relative_so_that_a_proxys_prefix_changes_nothing()
    {
        await using var proxied = await StartAsync("GALLERY_TRUSTED_PROXIES=127.0.0.1");
        var page = (await _api.GetAsync("/")).Text;

        Assert.Equal(page, (await proxied.Api.GetAsync("/", ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Prefix", "/gallery"))).Text);
        var links = Links().Matches(page).Select(link => link.Groups["url"].Value).ToList();
        Assert.Contains("page/app.js", links);
        foreach (var link in links.Where(link => !link.StartsWith('#')))
        {
            Assert.Matches("^[a-z]+(/[a-z0-9./-]*)?$", link);
            Assert.Equal((link, 200), (link, (await _api.GetAsync($"/{link}")).Status));
        }
    }

    [Fact]
    public async Task The_page_of_a_link_is_the_same_for_every_token_is_in_no_index_and_is_no_view()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id);
        var made = (await _api.PostAsync($"/v1/gallery/{id}/shares/")).Body["data"]!;
        var root = await _api.GetAsync("/");
        var page = await _api.GetAsync(new Uri((string)made["url"]!).AbsolutePath);

        Assert.Equal((200, page.Text), await _api.GetAsync("/s/unknown") is var other ? (other.Status, other.Text) : default);
        Assert.Contains("<title>Shared picture", page.Text, StringComparison.Ordinal);
        Assert.DoesNotMatch(Inline(), page.Text);
        Assert.Equal("noindex", Find(page, "X-Robots-Tag"));
        foreach (var header in new[] { "Content-Security-Policy", "Cross-Origin-Opener-Policy", "Referrer-Policy", "Cache-Control", "Vary" })
            Assert.Equal((header, Find(root, header)), (header, Find(page, header)));
        Assert.Equal(0, (int)(await _api.GetAsync($"/v1/gallery/{id}/shares/")).Body["data"]![0]!["views"]!);
        foreach (var link in Links().Matches(page.Text).Select(link => link.Groups["url"].Value))
        {
            Assert.StartsWith("../page/", link, StringComparison.Ordinal);
            Assert.Equal((link, 200), (link, (await _api.GetAsync(link[2..])).Status));
        }
    }

    [Theory]
    [InlineData("{0}/", "../{0}")]
    [InlineData("a%3Fb%20{0}/", "../a%3Fb%20{0}")]
    [InlineData("{0}/?a=b", "../{0}")]
    public async Task A_slash_behind_a_token_is_removed_by_a_relative_redirect(string path, string location)
    {
        var rest = new string('A', 43 - (path.StartsWith('a') ? 4 : 0));   // a token has 43 characters

        var answer = await _api.GetAsync("/s/" + string.Format(CultureInfo.InvariantCulture, path, rest));

        Assert.Equal((308, string.Format(CultureInfo.InvariantCulture, location, rest)), (answer.Status, Find(answer, "Location")));
    }

    [Theory]
    [InlineData(42)]
    [InlineData(44)]
    [InlineData(7_900)]   // nginx would take a head of more than 4 KB for a failure of the service
    public async Task A_slash_behind_what_has_not_the_length_of_a_token_is_404(int length)
    {
        var answer = await _api.GetAsync($"/s/{new string('a', length)}/");

        Assert.Equal((404, "route_not_found"), (answer.Status, answer.Problem));
    }

    [Theory]
    [InlineData("page/favicon.svg", "image/svg+xml; charset=utf-8")]
    [InlineData("page/page.css", "text/css; charset=utf-8")]
    [InlineData("page/app.js", "text/javascript; charset=utf-8")]
    [InlineData("page/settings.json", "application/json; charset=utf-8")]
    [InlineData("", "text/html; charset=utf-8")]
    [InlineData("s/abc", "text/html; charset=utf-8")]
    public async Task A_file_is_compressed_once_asked_for_and_each_coding_has_its_own_etag(string path, string type)
    {
        var tags = new HashSet<string>();
        var plain = (await _api.GetAsync($"/{path}")).Text;
        foreach (var (accepted, coding) in new[] { ("identity", null), ("br", "br"), ("gzip", "gzip"), ("gzip, deflate, br, zstd", "br"), ("gzip, deflate", "gzip"), ("br;q=0, gzip", "gzip"), ("zstd", null) })
        {
            var (response, bytes) = await GetAsync(path, accepted);
            var tag = response.Headers.ETag!;

            Assert.Equal((200, coding, type), ((int)response.StatusCode, response.Content.Headers.ContentEncoding.SingleOrDefault(), response.Content.Headers.ContentType!.ToString()));
            Assert.Equal(plain, Decompress(bytes, coding));
            Assert.Equal(("no-cache", "Accept-Encoding", false), (response.Headers.CacheControl!.ToString(), Assert.Single(response.Headers.Vary), tag.IsWeak));
            if (coding is not null && plain.Length > 1000) Assert.InRange(bytes.Length, 1, plain.Length - 1);
            tags.Add($"{coding} {tag}");

            var (again, nothing) = await GetAsync(path, accepted, $"\"other\", {tag}");
            Assert.Equal((304, 0, tag), ((int)again.StatusCode, nothing.Length, again.Headers.ETag));
            Assert.Equal(("no-cache", "Accept-Encoding"), (again.Headers.CacheControl!.ToString(), Assert.Single(again.Headers.Vary)));
            if (coding is not null) Assert.Equal(200, (int)(await GetAsync(path, "identity", $"{tag}")).Response.StatusCode);
        }

        Assert.Equal(3, tags.Count);
        Assert.Equal(3, tags.Select(tag => tag.Split(' ')[^1]).Distinct().Count());
    }

    [Theory]
    [InlineData("/page/")]
    [InlineData("/page/index.html")]
    [InlineData("/page/shared.html")]
    [InlineData("/s/")]
    [InlineData("/s/a/b")]
    [InlineData("/page/nowhere.js")]
    [InlineData("/page/jsconfig.json")]
    [InlineData("/page/PageEndpoints.cs")]
    [InlineData("/page/vendor/")]
    public async Task An_unknown_file_is_the_usual_404(string path)
    {
        var answer = await _api.GetAsync(path);

        Assert.Equal((404, "route_not_found"), (answer.Status, answer.Problem));
        Assert.Equal("frame-ancestors 'none'", Find(answer, "Content-Security-Policy"));
    }

    [Fact]
    public async Task The_page_can_be_removed_and_the_api_is_the_same()
    {
        await using var bare = await StartAsync("GALLERY_PAGE=off");
        foreach (var path in new[] { "/", "/page/app.js", "/page/settings.json", "/s/abc" })
        {
            var answer = await bare.Api.GetAsync(path);
            Assert.Equal((404, "route_not_found"), (answer.Status, answer.Problem));
        }

        foreach (var path in new[] { "/v1/gallery/", "/docs/", "/openapi/v1.json", "/livez" })
            Assert.Equal((path, 200, 200), (path, (await bare.Api.GetAsync(path)).Status, (await _api.GetAsync(path)).Status));
        Assert.DoesNotContain("\"/page", (await _api.GetAsync("/openapi/v1.json")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_visit_does_not_exceed_the_rate_limit_because_the_files_of_the_page_do_not_count()
    {
        await using var limited = await StartAsync("GALLERY_RATE_LIMIT=1");

        foreach (var path in new[] { "/", "/page/app.js", "/page/settings.json" }) Assert.Equal(200, (await limited.Api.GetAsync(path)).Status);
        Assert.Contains(429, new[] { (await limited.Api.GetAsync("/docs")).Status, (await limited.Api.GetAsync("/docs")).Status, (await limited.Api.GetAsync("/docs")).Status });
    }

    [Theory]
    [InlineData("""{"supabase_url":null,"supabase_key":null,"takes_service_keys":false,"asks_for_credentials":false,"is_demo":false,"users_may_purge":true,"version":"VERSION"}""")]
    [InlineData(
        """{"supabase_url":null,"supabase_key":null,"takes_service_keys":true,"asks_for_credentials":true,"is_demo":false,"users_may_purge":false,"version":"VERSION"}""",
        "KEYS", "GALLERY_USERS_MAY_PURGE=false")]
    [InlineData(
        """{"supabase_url":null,"supabase_key":null,"takes_service_keys":false,"asks_for_credentials":true,"is_demo":false,"users_may_purge":true,"version":"VERSION"}""",
        $"SUPABASE_URL={Project}")]
    [InlineData(
        """{"supabase_url":"https://abc.supabase.co","supabase_key":"sb_publishable_Ab-1_x","takes_service_keys":false,"asks_for_credentials":true,"is_demo":false,"users_may_purge":true,"version":"VERSION"}""",
        $"SUPABASE_URL={Project}/", Publishable)]
    public async Task The_page_is_told_what_it_must_know_and_no_secret(string told, params string[] settings)
    {
        await using var own = await StartAsync([.. settings.Select(setting => setting == "KEYS" ? GuardedService.Keys : setting)]);
        var answer = await own.Api.GetAsync("/page/settings.json");

        Assert.Equal(told.Replace("VERSION", typeof(GalleryService).Assembly.GetName().Version!.ToString(3), StringComparison.Ordinal), answer.Text);
        Assert.DoesNotContain(GuardedService.Hash(GuardedService.Key), answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_legacy_anon_key_is_publishable_too()
    {
        var key = Jwt("""{"iss":"supabase","role":"anon"}""");
        await using var own = await StartAsync($"SUPABASE_URL={Project}", $"SUPABASE_PUBLISHABLE_KEY={key}");

        Assert.Equal(key, (string?)JsonNode.Parse((await own.Api.GetAsync("/page/settings.json")).Text)!["supabase_key"]);
    }

    [Theory]
    [InlineData("sb_secret_hunter2", "secret key")]
    [InlineData("""{"role":"service_role","hunter2":1}""", "secret key")]
    [InlineData("""{"role":"authenticated","hunter2":1}""", "secret key")]
    [InlineData("""{"role":"Anon","hunter2":1}""", "secret key")]
    [InlineData("""{"role":["anon"],"hunter2":1}""", "secret key")]
    [InlineData("""{"hunter2":1}""", "secret key")]
    [InlineData("""{"role":"service_role","role":"anon","hunter2":1}""", "no publishable key")]
    [InlineData("[\"hunter2\"]", "no publishable key")]
    [InlineData("hunter2", "no publishable key")]
    [InlineData("a.hunter2.c", "no publishable key")]
    [InlineData("sb_publishable_", "no publishable key")]
    [InlineData("sb_publishable_x\nhunter2", "no publishable key")]
    public void A_key_that_would_show_a_secret_to_everyone_ends_the_start_and_is_not_repeated(string key, string said)
    {
        if (key[0] is '{' or '[') key = Jwt(key);
        var error = Refused($"SUPABASE_URL={Project}", $"SUPABASE_PUBLISHABLE_KEY={key}");

        Assert.Contains($"SUPABASE_PUBLISHABLE_KEY is {(said[0] == 'n' ? "" : "a ")}{said}", error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
        Assert.All(key.Split('.'), part => Assert.DoesNotContain(part.Length > 10 && part[0] == 'e' ? part : "hunter2", error, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("SUPABASE_PUBLISHABLE_KEY is set without SUPABASE_URL.", Publishable)]
    [InlineData("GALLERY_PAGE takes on or off.", "GALLERY_PAGE=no")]
    [InlineData("GALLERY_PAGE takes on or off.", "GALLERY_PAGE=ON")]
    [InlineData("SUPABASE_PUBLISHABLE_KEY is a secret key", $"SUPABASE_URL={Project}", "GALLERY_PAGE=off", "SUPABASE_PUBLISHABLE_KEY=sb_secret_x")]
    public void A_setting_that_cannot_be_used_ends_the_start(string said, params string[] settings) => Assert.Contains(said, Refused(settings), StringComparison.Ordinal);

    private static string Refused(params string[] settings) => Assert.Throws<SettingsException>(() => GalleryService.Prepare(Given.Settings(settings), [])).Message;

    private Task<GuardedService> StartAsync(params string[] settings) => GuardedService.StartAsync(service.Database.ConnectionString, settings);

    private static string Jwt(string payload) => $"{Base64UrlEncoder.Encode("""{"alg":"HS256"}""")}.{Base64UrlEncoder.Encode(payload)}.c2lnbmF0dXJl";

    private static string? Find(Answer answer, string name) => answer.Headers.TryGetValues(name, out var values) ? string.Join(" and ", values) : null;

    private async Task<(HttpResponseMessage Response, byte[] Bytes)> GetAsync(string path, string accepted, string? tags = null)
    {
        using var http = new HttpClient { BaseAddress = _api.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/{path}") { Headers = { { "Accept-Encoding", accepted } } };
        if (tags is not null) request.Headers.TryAddWithoutValidation("If-None-Match", tags);
        var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return (response, await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    private static string Decompress(byte[] bytes, string? coding)
    {
        using Stream plain = coding switch
        {
            "br" => new BrotliStream(new MemoryStream(bytes), CompressionMode.Decompress),
            "gzip" => new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress),
            _ => new MemoryStream(bytes),
        };
        return new StreamReader(plain).ReadToEnd();
    }

    [GeneratedRegex("(src|href)=\"(?<url>[^\"]*)\"", RegexOptions.ExplicitCapture)]
    private static partial Regex Links();

    /// <summary>What the page's policy forbids: scripts and styles in the HTML itself.</summary>
    [GeneratedRegex("""<style|<script(?![^>]* src=)| on[a-z]+=| style=""")]
    private static partial Regex Inline();
}
