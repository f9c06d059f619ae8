using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Microsoft.Playwright;

namespace Gallery.Tests.Page;

/// <summary>
/// A class of tests that open pages. Each test begins without images. It fails at its end if a page logged an error, such as an
/// exception, a failed request or a violation of the Content-Security-Policy, that the test did not allow.
/// </summary>
[Collection(typeof(InBrowser))]
public abstract class PageTests(PageService service) : IAsyncLifetime
{
    private readonly ConcurrentQueue<string> _errors = new();
    private readonly List<string> _allowed = [];
    private readonly Dictionary<Screen, IBrowserContext> _windows = [];

    protected Api Api => service.Api;

    protected TestDatabase Database => service.Database;

    protected PictureHost Pictures => service.Browser.Pictures;

    /// <summary>What the pages of this test logged as errors so far.</summary>
    protected IReadOnlyCollection<string> Errors => _errors;

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    public virtual async ValueTask InitializeAsync()
    {
        Assertions.SetDefaultExpectTimeout(30_000);   // CI machines are busy
        Pictures.Reset();
        await service.EmptyAsync();
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (TestContext.Current.TestState?.Result == TestResult.Failed) await DescribePagesAsync();
        foreach (var window in _windows.Values) await window.DisposeAsync();
        var unexpected = _errors.Where(error => !_allowed.Any(part => error.Contains(part, StringComparison.Ordinal))).ToArray();
        Assert.True(unexpected.Length == 0, $"A page logged an error that the test does not allow:\n{string.Join('\n', unexpected)}");
    }

    /// <inheritdoc cref="PageService.SeedAsync"/>
    protected Task<IReadOnlyList<Guid>> SeedAsync(int count, Func<int, JsonObject>? fields = null) => service.SeedAsync(count, fields);

    /// <summary>Opens a path of the service in a new tab. Pictures may still be loading then.</summary>
    protected async Task<IPage> OpenAsync(string path = "/", Screen? screen = null)
    {
        var page = await NewTabAsync(screen);
        await page.GotoAsync(path, new() { WaitUntil = WaitUntilState.DOMContentLoaded });
        return page;
    }

    /// <summary>A tab to change before it is opened: <c>await page.FailAsync(…); await page.GotoAsync("/");</c></summary>
    /// <param name="screen">Tabs of one screen share cookies and storage, and those of different screens do not.</param>
    protected async Task<IPage> NewTabAsync(Screen? screen = null)
    {
        screen ??= new Screen();
        if (!_windows.TryGetValue(screen, out var window))
        {
            _windows[screen] = window = await service.Browser.OpenWindowAsync(Api.Address, screen);
            window.WebError += (_, error) => _errors.Enqueue(error.Error);
            window.Console += (_, message) =>
            {
                if (message.Type == "error") _errors.Enqueue($"{message.Text} ({message.Location})");
            };
        }

        return await window.NewPageAsync();
    }

    /// <summary>Allows errors that contain this text, or have it in their URL, such as "status of 412".</summary>
    protected void Allow(string part) => _allowed.Add(part);

    /// <summary>Fails if axe-core finds a violation on what the page shows now.</summary>
    protected static async Task AxeAsync(IPage page)
    {
        var found = await page.RunAxe(new AxeRunOptions { ResultTypes = [ResultType.Violations] });
        Assert.True(found.Violations.Length == 0, string.Join('\n', found.Violations.SelectMany(violation => violation.Nodes.Select(node =>
            $"{violation.Id} ({violation.Impact}): {violation.Help}. {violation.HelpUrl}\n  {node.Target}: {node.Html}\n  " +
            string.Join("; ", node.Any.Concat(node.All).Concat(node.None).Select(check => check.Message))))));
    }

    /// <summary>What a screen reader would read, for the output of a failed test.</summary>
    private async Task DescribePagesAsync()
    {
        foreach (var page in _windows.Values.SelectMany(window => window.Pages))
        {
            var content = await page.Locator("body").AriaSnapshotAsync(new() { Timeout = 2_000 }).ContinueWith(reading =>
                reading.IsCompletedSuccessfully ? reading.Result : reading.Exception?.GetBaseException().Message, TaskScheduler.Default);
            TestContext.Current.TestOutputHelper?.WriteLine($"{page.Url}\n{content}");
        }
    }
}
