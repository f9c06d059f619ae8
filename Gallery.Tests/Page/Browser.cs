using Gallery.Tests.Migrations;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(Gallery.Tests.Page.Browser))]

namespace Gallery.Tests.Page;

/// <summary>The one Chromium of a test run, which is the installed one. It starts when the first test opens a page.</summary>
public sealed class Browser : IAsyncDisposable
{
    private readonly SemaphoreSlim _starting = new(1);
    private IPlaywright? _playwright;
    private IBrowser? _chromium;

    /// <summary>Answers instead of every host that is not this machine.</summary>
    public PictureHost Pictures { get; } = new();

    /// <summary>A person's private window: without cookies, storage and cached answers of others.</summary>
    /// <param name="address">Where relative paths lead.</param>
    internal async Task<IBrowserContext> OpenWindowAsync(Uri address, Screen screen) =>
        await (await StartAsync()).NewContextAsync(new()
        {
            BaseURL = address.ToString(),
            Locale = "en-US",
            TimezoneId = "UTC",
            ViewportSize = new() { Width = screen.Width, Height = screen.Height },
            DeviceScaleFactor = screen.Scale,
            HasTouch = screen.Touch,
            ColorScheme = screen.Dark ? ColorScheme.Dark : ColorScheme.Light,
            ReducedMotion = screen.Motion ? ReducedMotion.NoPreference : ReducedMotion.Reduce,
            Permissions = ["clipboard-read", "clipboard-write", "local-network-access"],   // the last one for pictures in a page that a test made up
        });

    public async ValueTask DisposeAsync()
    {
        if (_chromium is not null) await _chromium.DisposeAsync();
        _playwright?.Dispose();
        await Pictures.DisposeAsync();
        _starting.Dispose();
    }

    private async Task<IBrowser> StartAsync()
    {
        var chromium = Programs.Find("chromium-headless-shell") ?? Programs.Find("chromium") ?? Programs.Missing("chromium is not installed. On Debian: apt-get install chromium-headless-shell.");
        await _starting.WaitAsync();
        try
        {
            if (_chromium is not null) return _chromium;
            await Pictures.StartAsync();
            _playwright ??= await Playwright.CreateAsync();
            return _chromium = await _playwright.Chromium.LaunchAsync(new()
            {
                ExecutablePath = chromium,
                ChromiumSandbox = !Environment.IsPrivilegedProcess,   // Chromium has no sandbox for root
                Args =
                [
                    $"--host-resolver-rules=MAP * 127.0.0.1:{Pictures.Port}, EXCLUDE 127.0.0.1, EXCLUDE localhost",
                    $"--ignore-certificate-errors-spki-list={Pictures.KeyHash}",
                ],
            });
        }
        finally
        {
            _starting.Release();
        }
    }
}

/// <summary>What a person looks at. The defaults suit most tests.</summary>
/// <param name="Scale">2 with half the size is what a zoom of 200 % makes of a window.</param>
/// <param name="Motion">False is <c>prefers-reduced-motion</c>.</param>
public sealed record Screen(int Width = 1280, int Height = 800, float Scale = 1, bool Dark = false, bool Motion = false, bool Touch = false)
{
    public static Screen Phone { get; } = new(320, 640, 2, Touch: true);

    public static Screen Zoomed { get; } = new(640, 400, 2);

    public static Screen Wide { get; } = new(2560, 1300);
}
