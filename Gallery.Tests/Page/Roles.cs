using Microsoft.Playwright;

namespace Gallery.Tests.Page;

/// <summary>What the page shows, found by roles and names, as a person or a screen reader finds it.</summary>
internal static class Roles
{
    /// <summary>The thumbnail of the image with this prompt.</summary>
    public static ILocator Tile(this IPage page, string prompt) => page.Tiles().And(page.GetByRole(AriaRole.Link, new() { Name = $"“{prompt}”", Exact = true }));

    public static ILocator Tiles(this IPage page) => page.GetByRole(AriaRole.List, new() { Name = "Images", Exact = true }).GetByRole(AriaRole.Link);

    /// <summary>What selects the image with this prompt.</summary>
    public static ILocator Circle(this IPage page, string prompt) => page.GetByRole(AriaRole.Button, new() { Name = $"Select “{prompt}”", Exact = true });

    /// <summary>The open image with this prompt.</summary>
    public static ILocator Opened(this IPage page, string prompt) => page.Question($"“{prompt}”");

    /// <summary>What the page asks above everything else.</summary>
    public static ILocator Question(this IPage page, string name) => page.GetByRole(AriaRole.Dialog, new() { Name = name, Exact = true });

    public static ILocator Button(this IPage page, string name) => page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    public static ILocator Button(this ILocator place, string name) => place.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    public static ILocator Text(this ILocator place, string label) => place.GetByRole(AriaRole.Textbox, new() { Name = label, Exact = true });

    public static ILocator Link(this ILocator place, string name) => place.GetByRole(AriaRole.Link, new() { Name = name, Exact = true });

    /// <summary>The bar of what can be done with the selected images.</summary>
    public static ILocator Selection(this IPage page) => page.GetByRole(AriaRole.Region, new() { Name = "Selection", Exact = true });

    /// <summary>A message about what was done, with its buttons.</summary>
    public static ILocator Message(this IPage page, string text) => page.Locator(".message", new() { HasText = text });

    /// <summary>Signs in on the page.</summary>
    public static async Task SignInAsync(this IPage page, string email, string password = "correct horse")
    {
        await page.GetByLabel("E-mail").FillAsync(email);
        await page.GetByLabel("Password").FillAsync(password);
        await page.Button("Sign in").ClickAsync();
    }
}
