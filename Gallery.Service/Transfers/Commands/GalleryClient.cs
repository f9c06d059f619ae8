using System.CommandLine;
using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Gallery.Service.Http;
using Gallery.Sql.Database;

namespace Gallery.Service.Transfers.Commands;

/// <summary>Calls a running service for the commands, which need no database. Tries again what the service is too busy for.</summary>
internal sealed class GalleryClient : IDisposable
{
    public static readonly Option<string?> Url = new("--url") { Description = "The service's address. Default: GALLERY_URL, then http://localhost:9999" };

    private const int Tries = 5;
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(2);   // after which a connection counts as broken

    private readonly HttpClient _http;

    private GalleryClient(Uri address, string? key)
    {
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10), UseCookies = false })
        {
            BaseAddress = address,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (key is not null) _http.DefaultRequestHeaders.Authorization = new("Bearer", key);
    }

    /// <exception cref="SettingsException">A setting or the address is wrong.</exception>
    public static GalleryClient Create(ParseResult parsed)
    {
        var settings = Settings.Load();
        var url = parsed.GetValue(Url) ?? settings.Find("GALLERY_URL") ?? "http://localhost:9999";
        var key = settings.Find("GALLERY_KEY")?.Trim();
        if (!Uri.TryCreate(url.TrimEnd('/') + "/", UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address is not { Query: "", Fragment: "", UserInfo: "" })
            throw new SettingsException("--url (or GALLERY_URL) is not an address such as http://localhost:9999. Correct it.");
        if (key is not null && !Ascii.IsValid(key)) throw new SettingsException("GALLERY_KEY is not a service key. Send one that the command key made.");
        return new(address, key);
    }

    /// <summary>The lines of an export. If the connection breaks, it goes on after the last line.</summary>
    public async IAsyncEnumerable<(Guid Id, ReadOnlyMemory<byte> Line)> ExportAsync(string? userId, Guid? after, [EnumeratorCancellation] CancellationToken ct)
    {
        for (var failures = 0; ; failures++)
        {
            if (failures >= Tries) throw new IOException("The connection broke again and again.");
            if (failures > 0) await Task.Delay(TimeSpan.FromSeconds(failures), ct);
            var query = string.Join('&', new[] { userId is null ? null : $"user_id={Uri.EscapeDataString(userId)}", after is null ? null : $"after={after}" }.OfType<string>());
            using var response = await SendAsync(() => new(HttpMethod.Get, $"v1/gallery/export/?{query}"), ct);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
            end.CancelAfter(Silence);
            var reader = PipeReader.Create(await response.Content.ReadAsStreamAsync(ct));
            await using var lines = reader.ReadLinesAsync(long.MaxValue, end.Token).GetAsyncEnumerator(ct);
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

                if (!isThere) yield break;
                if (lines.Current.Text is not { } line || FindId(line.Span) is not { } id) throw new InvalidDataException("The service answered something else than an export. Check --url.");
                if (line.Span[^1] != '}') break;   // a proxy ended the answer in the middle of a line
                end.CancelAfter(Silence);
                (after, failures) = (id, 0);
                yield return (id, line);
            }
        }
    }

    /// <summary>Sends lines, and returns the report.</summary>
    public async Task<ImportReport> ImportAsync(ReadOnlyMemory<byte> lines, bool recreates, CancellationToken ct)
    {
        using var response = await SendAsync(
            () => new(HttpMethod.Post, $"v1/gallery/import/{(recreates ? "?recreate=true" : "")}")
            {
                Content = new ReadOnlyMemoryContent(lines) { Headers = { ContentType = new(TransferEndpoints.MediaType) } },
            },
            ct);
        var options = new JsonSerializerOptions();
        GalleryJson.Configure(options);
        return (await response.Content.ReadFromJsonAsync<Envelope<ImportReport>>(options, ct))!.Data;
    }

    /// <summary>The id at the beginning of an exported line. Null if it is no such line.</summary>
    public static Guid? FindId(ReadOnlySpan<byte> line) =>
        line.StartsWith("{\"image_id\":\""u8) && line.Length > 48 && Guid.TryParseExact(Encoding.ASCII.GetString(line[13..49]), "D", out var id) ? id : null;

    public void Dispose() => _http.Dispose();

    /// <summary>A successful answer, of which the body is not read yet.</summary>
    /// <exception cref="InvalidOperationException">The service refused, or did not answer after several tries. The message is for the user.</exception>
    private async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            var wait = TimeSpan.FromSeconds(attempt);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
            end.CancelAfter(Silence);
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

    private static async Task<string> ExplainAsync(HttpResponseMessage response, CancellationToken ct)
    {
        try
        {
            var problem = (await response.Content.ReadFromJsonAsync<JsonElement>(ct));
            return $"{problem.GetProperty("code").GetString()}: {problem.GetProperty("message").GetString()}";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return $"The service answered {(int)response.StatusCode}. Check --url.";
        }
    }
}
