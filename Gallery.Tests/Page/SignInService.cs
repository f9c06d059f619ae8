using Gallery.Tests.Access;
using Gallery.Tests.Database;

namespace Gallery.Tests.Page;

/// <summary>A service that takes the tokens of <see cref="FakeSupabase"/> and <see cref="GuardedService.Key"/>: a class fixture.</summary>
public class SignInService(TestServer server, Browser browser) : PageService(server, browser)
{
    internal FakeSupabase Supabase { get; private set; } = null!;

    protected override (string Name, string Value)[] Credentials => [GuardedService.Bearer(GuardedService.Key)];

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (Supabase is not null) await Supabase.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected override async Task<string[]> PrepareAsync()
    {
        Supabase = await FakeSupabase.StartAsync();
        return [GuardedService.Keys, $"SUPABASE_URL={Supabase.Url}", $"SUPABASE_PUBLISHABLE_KEY={FakeSupabase.PublishableKey}"];
    }
}
