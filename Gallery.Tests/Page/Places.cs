using System.Globalization;
using Microsoft.Playwright;

namespace Gallery.Tests.Page;

/// <summary>The thumbnails that a page shows, and their places.</summary>
internal static class Places
{
    public static ILocator Search(this IPage page) => page.GetByRole(AriaRole.Searchbox, new() { Name = "Search prompts" });

    /// <summary>Where the images in the DOM are now, relative to the window.</summary>
    public static async Task<IReadOnlyList<Place>> PlacesAsync(this IPage page) => await page.Tiles().EvaluateAllAsync<Place[]>(
        """
        links => links.map(link => {
          const { left, top, width, height } = link.getBoundingClientRect();
          return { name: link.getAttribute('aria-label').slice(1, -1), left, top, width, height };
        })
        """);

    /// <summary>Waits until the page has rendered what it knows.</summary>
    public static Task NextFrameAsync(this IPage page) => page.EvaluateAsync("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");

    public static Task ScrollAsync(this IPage page, string top) => page.EvaluateAsync($"() => window.scrollTo(0, {top})");

    /// <summary>The number in "Picture 12", which counts from 1.</summary>
    public static int NumberOf(Place tile) => int.Parse(tile.Name.AsSpan("Picture ".Length), CultureInfo.InvariantCulture);
}

/// <summary>One thumbnail and its place in the window.</summary>
internal sealed record Place
{
    public required string Name { get; init; }

    public required double Left { get; init; }

    public required double Top { get; init; }

    public required double Width { get; init; }

    public required double Height { get; init; }
}
