using System.Net;
using System.Net.Sockets;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Connections;

namespace Gallery.Service;

/// <summary>Where the service listens: <c>--urls</c>, <c>ASPNETCORE_URLS</c>, <c>PORT</c> or <c>ASPNETCORE_HTTP_PORTS</c>, in this order.</summary>
internal static class ServiceAddress
{
    private const string Default = "http://localhost:9999";
    private const string Port = "PORT";
    private const string Settings = "--urls http://localhost:9998, or ASPNETCORE_URLS";

    /// <summary>The addresses to listen on, separated by <c>;</c>. Null if only <c>ASPNETCORE_HTTP_PORTS</c> is set, which Kestrel reads itself.</summary>
    /// <exception cref="SettingsException">An address is malformed, or one that Kestrel would read as another: <c>:9999x</c> as port 80.</exception>
    /// <param name="host">The host's configuration: the command line, and <c>ASPNETCORE_…</c> in the environment.</param>
    /// <param name="settings">Gallery's settings, with <c>.env</c>, which the host does not read.</param>
    public static string? Find(IConfiguration host, IConfiguration settings)
    {
        var urls = host.Find("urls") ?? settings.Find("ASPNETCORE_URLS");
        // How Cloud Run, Render, Heroku and Fly say where they send requests.
        if (urls is null && settings.Find(Port)?.Trim() is { } port) return $"http://*:{ConnectionSettings.ParsePort(port, Port, hint: "")}";
        if (urls is null && host.Find("http_ports") is not null) return null;

        urls ??= Default;
        return Split(urls).All(IsUsable)
            ? urls
            : throw new SettingsException($"--urls (or ASPNETCORE_URLS) takes addresses such as http://localhost:9999, several separated by ;. TLS needs a proxy in front.");
    }

    /// <summary>The first address that other machines can reach, or null.</summary>
    /// <param name="host">The host's configuration, with the addresses that <see cref="Find"/> found.</param>
    public static string? FindPublic(IConfiguration host) =>
        host.GetSection("Kestrel:Endpoints").GetChildren().Any() ? "Kestrel:Endpoints"
        : host.Find("urls") is { } urls ? Split(urls).FirstOrDefault(url => !IsLoopback(url))
        : $"http://*:{host.Find("http_ports")}";

    /// <exception cref="ServiceAddressException">The address is in use, or is not this machine's.</exception>
    public static async Task StartAsync(WebApplication service, CancellationToken ct)
    {
        try
        {
            await service.StartAsync(ct);
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            throw new ServiceAddressException($"{e.Message} Stop the program that listens there, or choose another address: {Settings}.", e);
        }
        catch (Exception e) when (e is SocketException or IOException or InvalidOperationException)
        {
            throw new ServiceAddressException($"The service cannot listen on {service.Configuration["urls"] ?? "these ports"}: {e.Message.TrimEnd('.')}. Choose another address: {Settings}.", e);
        }
    }

    private static string[] Split(string urls) => urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static bool IsLoopback(string url) =>
        BindingAddress.Parse(url) is var address
        && (address.IsUnixPipe || address.IsNamedPipe || address.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || IPAddress.TryParse(address.Host, out var ip) && IPAddress.IsLoopback(ip));

    /// <summary>Whether Kestrel can listen on it: http://host:port, or a Unix socket's.</summary>
    public static bool IsUsable(string url)
    {
        try
        {
            var address = BindingAddress.Parse(url);
            return address.Scheme.Equals("http", StringComparison.OrdinalIgnoreCase)
                && address.PathBase.Length == 0
                && !address.Host.Contains('@', StringComparison.Ordinal)   // a password, which the log would show
                && (address.IsUnixPipe || address.IsNamedPipe
                    || address.Port is >= 0 and <= 65535 && (address.Host.EndsWith(']') || !address.Host.Contains(':', StringComparison.Ordinal)));
        }
        catch (FormatException)
        {
            return false;
        }
    }
}

/// <summary>The service cannot listen on an address. The message is one line: the address, the reason and the cure.</summary>
internal sealed class ServiceAddressException(string message, Exception cause) : Exception(message, cause);
