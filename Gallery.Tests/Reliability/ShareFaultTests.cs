using System.Collections.Concurrent;
using Gallery.Tests.Service;

namespace Gallery.Tests.Reliability;

/// <summary>Links while the server crashes: no acknowledged link, revocation or grant is lost, and no link is opened more often than it allows.</summary>
[Collection<UnderLoad>]
public sealed class ShareFaultTests(DurableServers servers)
{
    private const int Callers = 8;
    private const int MaxViews = 3;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_that_crashes_loses_no_acknowledged_link_revocation_or_grant()
    {
        var server = await servers.ShareAsync();
        await using var service = new ServiceProcess("http://127.0.0.1:0", dotEnv: null, $"DATABASE_URL={server.ConnectionString};SSL Mode=Disable", "GALLERY_RATE_LIMIT=0");
        using var api = new Api(await service.WaitForServingAsync());
        var links = new ConcurrentBag<Link>();
        using var end = new CancellationTokenSource();
        var load = Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => ShareAsync(api, $"shares_{caller}_{Guid.NewGuid():N}", links, end.Token)));

        await Task.Delay(Sizes.Calm, Ct);
        await server.CrashAsync();
        await Task.Delay(Sizes.Fault, Ct);
        await server.StartAsync();
        var before = links.Count;
        while (links.Count < before + 5 * Callers && !load.IsFaulted) await Task.Delay(20, Ct);   // the service has recovered
        await end.CancelAsync();
        await load;

        foreach (var link in links)
        {
            var shown = link.Shown;
            for (var i = 0; i <= MaxViews; i++)
                if ((await OpenAsync(api, link)).Status == 200) shown++;
            if (link.IsRevoked) Assert.Equal(link.Shown, shown);
            else Assert.InRange(shown, link.IsUncertain ? MaxViews - 1 : MaxViews, MaxViews);
            if (link.IsGranted) Assert.Single((await api.GetAsync($"/v1/gallery/{link.ImageId}/grants/")).Body["data"]!.AsArray());
        }

        Figures.Add("faults: links while the server crashes", "links compared", links.Count);
        Assert.Contains(links, link => link.IsRevoked);
    }

    /// <summary>Makes links, opens each once, grants its image, and revokes every other one, each until it is answered.</summary>
    private static async Task ShareAsync(Api api, string user, ConcurrentBag<Link> links, CancellationToken end)
    {
        for (var i = 0; !end.IsCancellationRequested; i++)
        {
            var id = Guid.NewGuid();
            if ((await AnswerAsync(() => api.SaveAsync(id, user))).Status is not (200 or 201)) continue;
            var made = (await AnswerAsync(() => api.PostAsync($"/v1/gallery/{id}/shares/", $$"""{"max_views": {{MaxViews}}}"""))).Body["data"]!;
            var link = new Link(id, (string)made["token"]!, (Guid)made["share_id"]!);
            var opened = await OpenAsync(api, link);
            if (opened.Status == 200) link.Shown++;
            else link.IsUncertain = true;   // the view may be counted
            link.IsGranted = (await AnswerAsync(() => api.SendAsync(HttpMethod.Put, $"/v1/gallery/{id}/grants/friend/", new StringContent("""{"role": "view"}""", null, "application/json")))).Status == 200;
            if (i % 2 == 0) link.IsRevoked = (await AnswerAsync(() => api.DeleteAsync($"/v1/gallery/{id}/shares/{link.ShareId}/"))).Status == 200;
            links.Add(link);
        }
    }

    private static async Task<Answer> AnswerAsync(Func<Task<Answer>> send)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        while (true)
        {
            var answer = await send();
            if (answer.Status != 503) return answer;
            await Task.Delay(50, patience.Token);
        }
    }

    private static Task<Answer> OpenAsync(Api api, Link link) => api.GetAsync($"/v1/gallery/shared/{link.Token}/");

    private sealed class Link(Guid imageId, string token, Guid shareId)
    {
        public Guid ImageId => imageId;

        public string Token => token;

        public Guid ShareId => shareId;

        public int Shown { get; set; }

        public bool IsRevoked { get; set; }

        public bool IsGranted { get; set; }

        public bool IsUncertain { get; set; }
    }
}
