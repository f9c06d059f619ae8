using System.CommandLine;
using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Page;
using Gallery.Sql.Database;

namespace Gallery.Service.Transfers.Commands;

/// <summary>Calls a running service for the commands, which need no database. Tries again what the service is too busy for.</summary>
internal sealed class GalleryClient : IDisposable
{
    public static readonly Option<string?> Url = new("--url") { Description = "The service's address. Default: GALLERY_URL, then http://localhost:9999" };

    private const int Tries = 5;
    private const int MostProblemBytes = 64 * 1024;
    private const int MostReportBytes = 4 * 1024 * 1024;   // a thousand messages
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(2);   // after which a connection counts as broken

    private static readonly TimeSpan LongestSearch = TimeSpan.FromMinutes(10);   // an export is silent while it looks for the next image that a filter leaves

    private static readonly TimeSpan FirstSilence = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http;

    private GalleryClient(Uri address, string? key)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10), UseCookies = false };
        handler.UseProxy = address.Scheme == Uri.UriSchemeHttps;   // without TLS, a proxy would see the key and the prompts
        _http = new HttpClient(handler)
        {
            BaseAddress = address,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (key is not null) _http.DefaultRequestHeaders.Authorization = new("Bearer", key);
    }

    public Uri Address => _http.BaseAddress!;

    /// <exception cref="SettingsException">A setting or the address is wrong.</exception>
    public static GalleryClient Create(ParseResult parsed)
    {
        var dotEnv = Settings.FindDotEnv(Directory.GetCurrentDirectory());
        var settings = Settings.Load(dotEnv);
        var url = parsed.GetValue(Url) ?? settings.Find("GALLERY_URL") ?? "http://localhost:9999";
        var key = settings.Find("GALLERY_KEY")?.Trim();
        if (!Uri.TryCreate(url.TrimEnd('/') + "/", UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address is not { Query: "", Fragment: "", UserInfo: "" })
            throw new SettingsException("--url (or GALLERY_URL) is not an address such as http://localhost:9999. Correct it.");
        if (key is not null && !Ascii.IsValid(key)) throw new SettingsException("GALLERY_KEY is not a service key. Send one that the command key made.");
        if (key is not null && address.Scheme == Uri.UriSchemeHttp && !TokenIssuer.IsPrivate(address))
            throw new SettingsException("--url (or GALLERY_URL) begins with http://, so the key would cross the network unencrypted. Use https://. http:// is allowed within a private network only.");
        // The current folder decides about it, so show where the key goes.
        if (parsed.GetValue(Url) is null && settings.IsFromDotEnv("GALLERY_URL")) Console.Error.WriteLine(LogText.Line($"GALLERY_URL is {address}, from {dotEnv}"));
        return new(address, key);
    }

    /// <summary>The images of an export and their lines. If the connection breaks, it goes on after the last line.</summary>
    /// <param name="filters">Parameters of the request. A null value is left out.</param>
    /// <exception cref="InvalidOperationException">The service refused, or answered something else. The message is for the user.</exception>
    public async IAsyncEnumerable<(Guid Id, string ImageUrl, ReadOnlyMemory<byte> Line)> ExportAsync(
        (string Name, string? Value)[] filters, Guid? after, [EnumeratorCancellation] CancellationToken ct)
    {
        for (var failures = 0; ; failures++)
        {
            if (failures >= Tries) throw new IOException("The connection broke again and again.");
            if (failures > 0) await Task.Delay(TimeSpan.FromSeconds(failures), ct);
            (string Name, string? Value)[] parameters = [.. filters, ("after", after?.ToString())];
            var query = string.Join('&', parameters.Where(one => one.Value is not null).Select(one => $"{one.Name}={Uri.EscapeDataString(one.Value!)}"));
            using var response = await SendAsync(() => new(HttpMethod.Get, $"v1/gallery/export/?{query}"), ct, LongestSearch);
            // Such an answer ends with its connection, so one that was broken off looks whole.
            if (response.Content.Headers.ContentLength is null && response.Headers.TransferEncodingChunked is not true)
                throw new InvalidOperationException("The answer has neither a length nor chunks, so it may be incomplete. Correct the proxy, or --url.");
            using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
            end.CancelAfter(LongestSearch);
            var reader = PipeReader.Create(await response.Content.ReadAsStreamAsync(ct));
            await using var lines = reader.ReadLinesAsync(Lines.MostBytes, end.Token).GetAsyncEnumerator(ct);
            while (true)
            {
                bool isThere;
                try
                {
                    isThere = await lines.MoveNextAsync();
                }
                catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException && !ct.IsCancellationRequested)
                {
                    break;
                }
                catch (InvalidDataException e)
                {
                    throw NoExport(e);
                }

                if (!isThere) yield break;
                if (lines.Current.Text is not { Length: > 0 } line || !ExportedLine.IsBeginning(line.Span)) throw NoExport();
                if (ExportedLine.Read(line.Span) is not { } image) break;   // a proxy ended the answer in the middle of a line
                if (image.Id <= after) throw new InvalidOperationException($"The service sent image {image.Id} again, or out of order. Check --url.");
                end.CancelAfter(LongestSearch);
                (after, failures) = (image.Id, 0);
                yield return (image.Id, image.ImageUrl, line);
            }
        }
    }

    /// <summary>What the service tells its page. Null if it has no page, or is no Gallery. Asks once, because it is the first thing that a command asks.</summary>
    /// <exception cref="InvalidOperationException">It does not answer.</exception>
    public async Task<PageSettings?> FindPageSettingsAsync(CancellationToken ct)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        end.CancelAfter(FirstSilence);
        try
        {
            using var response = await _http.GetAsync("page/settings.json", HttpCompletionOption.ResponseHeadersRead, end.Token);
            if (!response.IsSuccessStatusCode) return null;
            await response.Content.LoadIntoBufferAsync(MostProblemBytes, end.Token);
            return await response.Content.ReadFromJsonAsync<PageSettings>(JsonOptions(), end.Token);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NotSupportedException)
        {
            return null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            throw new InvalidOperationException($"{_http.BaseAddress} does not answer. Start the service with: dotnet run --project Gallery.Service. Or correct --url.", e);
        }
    }

    /// <summary>Sends lines, and returns the report.</summary>
    public async Task<ImportReport> ImportAsync(ReadOnlyMemory<byte> lines, bool recreates, CancellationToken ct)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var response = await SendAsync(
            () => new(HttpMethod.Post, $"v1/gallery/import/{(recreates ? "?recreate=true" : "")}")
            {
                Content = new ReadOnlyMemoryContent(lines) { Headers = { ContentType = new(JsonLine.MediaType) } },
            },
            ct);
        end.CancelAfter(Silence);
        try
        {
            await response.Content.LoadIntoBufferAsync(MostReportBytes, end.Token);
            if (await response.Content.ReadFromJsonAsync<Envelope<ImportReport>>(JsonOptions(), end.Token) is { Data.Errors: not null } answer) return answer.Data;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NotSupportedException or HttpRequestException)   // the last one if it is too long or broken off
        {
            throw NoReport(e);
        }

        throw NoReport();
    }

    public void Dispose() => _http.Dispose();

    /// <summary>A successful answer, of which the body is not read yet.</summary>
    /// <exception cref="InvalidOperationException">The service refused, or did not answer after several tries. The message is for the user.</exception>
    private async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, CancellationToken ct, TimeSpan? silence = null)
    {
        for (var attempt = 1; ; attempt++)
        {
            var wait = TimeSpan.FromSeconds(attempt);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
            end.CancelAfter(silence ?? Silence);
            try
            {
                using var request = make();
                var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, end.Token);
                if (response.IsSuccessStatusCode) return response;
                using (response)
                {
                    var reason = await ExplainAsync(response, end.Token);
                    if (response.StatusCode is not (HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests) || attempt == Tries) throw new InvalidOperationException(reason);
                    if (response.Headers.RetryAfter?.Delta is { } asked) wait = asked < LongestWait ? asked : LongestWait;
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException && !ct.IsCancellationRequested)
            {
                if (attempt == Tries) throw new InvalidOperationException($"{_http.BaseAddress} does not answer: {e.Message} Start the service, or correct --url.", e);
            }

            await Task.Delay(wait, ct);
        }
    }

    private static JsonSerializerOptions JsonOptions()
    {
        var options = new JsonSerializerOptions();
        GalleryJson.Configure(options);
        return options;
    }

    private static InvalidOperationException NoExport(Exception? cause = null) => new("The service answered something else than an export. Check --url.", cause);

    private static InvalidOperationException NoReport(Exception? cause = null) => new("The service's answer is no whole report. Check --url.", cause);

    private static async Task<string> ExplainAsync(HttpResponseMessage response, CancellationToken ct)
    {
        try
        {
            await response.Content.LoadIntoBufferAsync(MostProblemBytes, ct);
            var problem = await response.Content.ReadFromJsonAsync<JsonElement>(ct);
            return $"{problem.GetProperty("code").GetString()}: {problem.GetProperty("message").GetString()}";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or HttpRequestException)   // the last one if it is too long
        {
            return $"The service answered {(int)response.StatusCode}. Check --url.";
        }
    }
}
